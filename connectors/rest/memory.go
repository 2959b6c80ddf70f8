package rest

import (
	"container/list"
	"sync"
)

// memory keeps the latest entries of a kind, a bounded number of them. It is safe for concurrent use.
type memory[V any] struct {
	mu    sync.Mutex
	limit int
	order list.List // of digests, the latest in front
	at    map[digest]*list.Element
	value map[digest]V
}

func newMemory[V any](limit int) *memory[V] {
	return &memory[V]{limit: limit, at: map[digest]*list.Element{}, value: map[digest]V{}}
}

func (m *memory[V]) get(id digest) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.value[id]
	return v, ok
}

func (m *memory[V]) put(id digest, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(id)
	m.at[id], m.value[id] = m.order.PushFront(id), v
	for len(m.value) > m.limit {
		m.forget(m.order.Back().Value.(digest))
	}
}

func (m *memory[V]) drop(id digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(id)
}

func (m *memory[V]) forget(id digest) {
	if e := m.at[id]; e != nil {
		m.order.Remove(e)
		delete(m.at, id)
		delete(m.value, id)
	}
}
