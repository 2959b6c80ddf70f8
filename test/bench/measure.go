package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/test/bench/shop"
)

// startToReady is the median over five starts on the existing data directory.
func startToReady(bin, dir string, _ options) error {
	var took []time.Duration
	for range 5 {
		s, err := serve(bin, dir)
		if err != nil {
			return err
		}
		took = append(took, s.ready)
		if _, _, err := s.stop(); err != nil {
			return err
		}
	}
	slices.Sort(took)
	row("start to ready, median of 5", took[2].Round(time.Millisecond).String())
	return nil
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}

func (s *server) post(path, token string, in any) (map[string]string, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, s.portal+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, fmt.Errorf("POST %s: %d %s", path, res.StatusCode, body)
	}
	out := map[string]string{}
	return out, json.Unmarshal(body, &out)
}

var (
	refPattern  = regexp.MustCompile(`(?m)^Subject:.*?([0-9A-Z]{5}-[0-9A-Z]{5})`)
	codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)
)

// kept returns the names of the mails that are there.
func (s *server) kept() map[string]bool {
	seen := map[string]bool{}
	names, _ := os.ReadDir(filepath.Join(s.data, "outbox"))
	for _, n := range names {
		seen[n.Name()] = true
	}
	return seen
}

// watch reads mails from the outbox directory as they appear, beyond those seen before, and tells each once.
func (s *server) watch(seen map[string]bool, stop <-chan struct{}, tell func(name string, raw []byte)) {
	dir := filepath.Join(s.data, "outbox")
	for {
		names, _ := os.ReadDir(dir)
		for _, n := range names {
			if seen[n.Name()] || !strings.HasSuffix(n.Name(), ".eml") {
				continue
			}
			seen[n.Name()] = true
			if raw, err := os.ReadFile(filepath.Join(dir, n.Name())); err == nil {
				tell(n.Name(), raw)
			}
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers are parts of the Message-IDs of letters that answer a request.
var answers = [][]byte{[]byte(".response-ready."), []byte(".nothing-held."), []byte(".done.")}

// drive submits requests for the addresses and enters every code as it arrives; it returns when every answer was mailed.
func (s *server) drive(right string, emails []string) (took time.Duration, refs map[string]string, sessions map[string]string, err error) {
	refs, sessions = map[string]string{}, map[string]string{}
	var mu sync.Mutex
	var answered int
	done, stop := make(chan error, 1), make(chan struct{})
	codes := make(chan [2]string, len(emails))
	began := time.Now()
	go s.watch(s.kept(), stop, func(_ string, raw []byte) {
		ref := refPattern.FindSubmatch(raw)
		if ref == nil {
			return
		}
		if c := codePattern.FindSubmatch(raw); c != nil {
			codes <- [2]string{string(ref[1]), string(c[1]) + string(c[2])}
			return
		}
		if slices.ContainsFunc(answers, func(a []byte) bool { return bytes.Contains(raw, a) }) {
			mu.Lock()
			defer mu.Unlock()
			if answered++; answered == len(emails) {
				done <- nil
			}
		}
	})
	work := make(chan string)
	for range 16 {
		go func() {
			for email := range work {
				out, err := s.post("api/v1/requests", "", map[string]string{"right": right, "email": email, "country": "DE"})
				if err != nil {
					done <- err
					return
				}
				mu.Lock()
				refs[email] = out["reference"]
				mu.Unlock()
			}
		}()
		go func() {
			for c := range codes {
				out, err := s.post("api/v1/requests/"+c[0]+"/verification", "", map[string]string{"code": c[1]})
				if err != nil {
					done <- err
					return
				}
				mu.Lock()
				sessions[c[0]] = out["session"]
				mu.Unlock()
			}
		}()
	}
	go func() {
		for _, e := range emails {
			work <- e
		}
		close(work)
	}()
	select {
	case err = <-done:
	case <-time.After(3 * time.Minute):
		err = fmt.Errorf("only %d of %d requests were answered in three minutes", answered, len(emails))
	}
	close(stop)
	return time.Since(began), refs, sessions, err
}

func oneCase(bin, dir string, _ options) error {
	return errors.Join(oneOf(bin, dir, "access", 9000), oneOf(bin, dir, "erasure", 9100))
}

func oneOf(bin, dir, right string, from int) error {
	s, err := serve(bin, dir)
	if err != nil {
		return err
	}
	var took, cpu []time.Duration
	for i := range 20 {
		before := s.cpu()
		t, _, _, err := s.drive(right, []string{shop.Email(from + i)})
		if err != nil {
			return err
		}
		took, cpu = append(took, t), append(cpu, s.cpu()-before)
	}
	if _, _, err := s.stop(); err != nil {
		return err
	}
	slices.Sort(took)
	slices.Sort(cpu)
	row("one "+right+" case, request to answer, median of 20", took[10].Round(time.Millisecond).String())
	row("one "+right+" case, CPU of the server", cpu[10].String()+" (clock ticks of 10 ms)")
	return nil
}

func manyCases(bin, dir string, o options) error {
	return errors.Join(manyOf(bin, dir, "access", o), manyOf(bin, dir, "erasure", o))
}

func manyOf(bin, dir, right string, o options) error {
	s, err := serve(bin, dir)
	if err != nil {
		return err
	}
	var emails []string
	for i := range o.cases {
		emails = append(emails, shop.Email(i+1))
	}
	before := s.cpu()
	took, _, _, err := s.drive(right, emails)
	if err != nil {
		return err
	}
	used := s.cpu() - before
	_, peak, err := s.stop()
	if err != nil {
		return err
	}
	n := fmt.Sprint(o.cases)
	row(n+" "+right+" cases at once", took.Round(time.Millisecond).String())
	row("cases a minute", fmt.Sprintf("%.0f", float64(o.cases)/took.Minutes()))
	row("CPU of the server per case", fmt.Sprintf("%.1f ms", float64(used.Microseconds())/1000/float64(o.cases)))
	row("peak memory", mib(peak))
	return nil
}

func largePerson(bin, dir string, o options) error {
	s, err := serve(bin, dir)
	if err != nil {
		return err
	}
	took, refs, sessions, err := s.drive("access", []string{"large@example.com"})
	if err != nil {
		return err
	}
	ref := refs["large@example.com"]
	out, err := s.post("api/v1/requests/"+ref+"/package", sessions[ref], map[string]string{})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, out["url"], strings.NewReader(`{"volume":1}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sessions[ref])
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("downloading from %s: %d %s", out["url"], res.StatusCode, body)
	}
	size, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		return err
	}
	cpu, peak, err := s.stop()
	if err != nil {
		return err
	}
	n := fmt.Sprintf("%d orders", o.large)
	row("person with "+n+", request to answer", took.Round(time.Millisecond).String())
	row("  CPU of the server, start and download included", cpu.Round(time.Millisecond).String())
	row("  package", mib(size))
	row("  peak memory", mib(peak))
	return nil
}

// largeErasure runs after largePerson: what was given is erased, and verified.
func largeErasure(bin, dir string, o options) error {
	s, err := serve(bin, dir)
	if err != nil {
		return err
	}
	took, _, _, err := s.drive("erasure", []string{"large@example.com"})
	if err != nil {
		return err
	}
	cpu, peak, err := s.stop()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("person with %d orders erased and verified, request to answer", o.large), took.Round(time.Millisecond).String())
	row("  CPU of the server, start included", cpu.Round(time.Millisecond).String())
	row("  peak memory", mib(peak))
	return nil
}
