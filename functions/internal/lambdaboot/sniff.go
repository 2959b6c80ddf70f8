package lambdaboot

import "net/http"

// sniff gives an answer the media type that net/http would find for it. The server of net/http looks at the first bytes after the
// status was written; the recorder that stands between a handler and a Lambda has no such look.
func sniff(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &sniffer{ResponseWriter: w}
		next.ServeHTTP(s, r)
		s.begin(nil)
	})
}

type sniffer struct {
	http.ResponseWriter
	status int
	begun  bool
}

// WriteHeader implements http.ResponseWriter: the first status counts.
func (s *sniffer) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

// Write implements http.ResponseWriter.
func (s *sniffer) Write(p []byte) (int, error) {
	s.begin(p)
	return s.ResponseWriter.Write(p)
}

// begin writes the status before the first bytes.
func (s *sniffer) begin(first []byte) {
	if s.begun {
		return
	}
	s.begun = true
	if s.Header().Get("Content-Type") == "" && len(first) > 0 {
		s.Header().Set("Content-Type", http.DetectContentType(first))
	}
	if s.status != 0 {
		s.ResponseWriter.WriteHeader(s.status)
	}
}
