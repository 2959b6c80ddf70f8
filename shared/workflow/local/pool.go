package local

import "sync"

// pool runs functions on at most limit goroutines, in the order they came. It keeps no idle goroutine.
type pool struct {
	limit int

	mu      sync.Mutex
	queue   []func()
	running int
	open    bool // whether queued work may begin
	stopped bool
	drained chan struct{} // closed when nothing runs any more
}

func newPool(limit int) *pool { return &pool{limit: limit, drained: make(chan struct{})} }

// add queues f.
func (p *pool) add(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	p.spawn()
}

func (p *pool) spawn() {
	for n := min(p.limit-p.running, len(p.queue)); p.open && n > 0; n-- {
		p.running++
		go p.work()
	}
}

func (p *pool) work() {
	p.mu.Lock()
	for p.open && len(p.queue) > 0 {
		f := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		f()
		p.mu.Lock()
	}
	p.running--
	p.settle()
	p.mu.Unlock()
}

func (p *pool) settle() {
	if p.stopped && p.running == 0 {
		select {
		case <-p.drained:
		default:
			close(p.drained)
		}
	}
}

// start lets queued work begin, unless the pool was stopped.
func (p *pool) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = !p.stopped
	p.spawn()
}

// stop lets no further work begin, for good; the channel is closed when what runs has ended.
func (p *pool) stop() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.stopped = false, true
	p.settle()
	return p.drained
}

// activity counts what is under way and tells when it changes for the better.
type activity struct {
	mu      sync.Mutex
	n       int
	changed chan struct{}
}

func (a *activity) begin() {
	a.mu.Lock()
	a.n++
	a.mu.Unlock()
}

func (a *activity) end() {
	a.mu.Lock()
	a.n--
	if a.n == 0 && a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
	a.mu.Unlock()
}

// idle reports whether nothing is under way, and otherwise when to look again.
func (a *activity) idle() (bool, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return a.n == 0, a.changed
}
