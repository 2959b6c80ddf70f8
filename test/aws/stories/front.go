package stories

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// serve answers at one address what the deployed HTTP API answers, and what a demonstration has beside it.
func (in *installation) serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		in.tb.Fatal(err)
	}
	in.address = "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/clock", func(w http.ResponseWriter, _ *http.Request) { answer(w, instant{in.Now().UTC()}, nil) })
	mux.HandleFunc("POST /dev/clock", in.postClock)
	mux.HandleFunc("GET /dev/mail", in.listMail)
	mux.HandleFunc("GET /dev/mail/{id}", in.getMail)
	// A path goes on as it came: what the HTTP API makes of it is to be seen.
	front := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/dev/") {
			mux.ServeHTTP(w, r)
			return
		}
		in.proxy.ServeHTTP(w, r)
	})
	in.front = &http.Server{Handler: front, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = in.front.Serve(listener) }()
	in.tb.Cleanup(func() { _ = in.front.Close() })
}

// control answers testkit.
func (in *installation) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, r *http.Request) {
		j, err := in.start(r.Context())
		answer(w, j, err)
	})
	mux.HandleFunc("POST /forget", func(w http.ResponseWriter, _ *http.Request) {
		in.cloud.Forget(in.tb)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(in.log())
	})
	return mux
}

type instant struct {
	Now time.Time `json:"now"`
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		functions.WriteProblem(w, err)
		if fault.ClassOf(err) == fault.Internal {
			_, _ = w.Write([]byte("\n" + err.Error()))
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (in *installation) postClock(w http.ResponseWriter, r *http.Request) {
	to, err := local.MoveOf(w, r, in.Now())
	if err != nil {
		answer(w, nil, err)
		return
	}
	err = in.advance(r.Context(), to.UTC().Truncate(time.Millisecond))
	answer(w, instant{in.Now().UTC()}, err)
}

type listed struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`
}

func (in *installation) listMail(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	list := []listed{}
	for _, name := range in.cloud.Mails(in.tb)[in.mails:][from:] {
		raw, err := os.ReadFile(name)
		if err != nil {
			answer(w, nil, err)
			return
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			answer(w, nil, err)
			return
		}
		to, err := mail.ParseAddress(m.Header.Get("To"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		date, _ := m.Header.Date()
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		list = append(list, listed{strings.TrimSuffix(filepath.Base(name), ".eml"), to.Address, subject, date.UTC()})
	}
	answer(w, map[string]any{"messages": list}, nil)
}

func (in *installation) getMail(w http.ResponseWriter, r *http.Request) {
	for _, name := range in.cloud.Mails(in.tb)[in.mails:] {
		if strings.TrimSuffix(filepath.Base(name), ".eml") != r.PathValue("id") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			answer(w, nil, err)
			return
		}
		w.Header().Set("Content-Type", "message/rfc822")
		_, _ = w.Write(raw)
		return
	}
	answer(w, nil, fault.New(fault.NotFound, "there is no such mail"))
}

// log is what functions wrote in the present story.
func (in *installation) log() []byte {
	f, err := os.Open(in.cloud.Said())
	if err != nil {
		return []byte(err.Error())
	}
	defer f.Close()
	if _, err := f.Seek(in.logged, io.SeekStart); err != nil {
		return []byte(err.Error())
	}
	raw, _ := io.ReadAll(f)
	return raw
}

func (in *installation) logSize() int64 {
	info, err := os.Stat(in.cloud.Said())
	if err != nil {
		return 0
	}
	return info.Size()
}
