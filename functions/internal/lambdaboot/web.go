package lambdaboot

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/akrylysov/algnhsa"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// resolver reads what a reference to a secret refers to.
type resolver interface {
	Resolve(reference string) (redact.Text, error)
}

// Pages are what a function answers on the web.
type Pages interface{ Register(mux *http.ServeMux) }

// Web serves a handler behind the HTTP API, by its payload format 2.0. secrets reads what CloudFront proves itself with.
func Web[S resolver](build func(*parts.Parts) (Pages, error), secrets func(*cloud.Cloud) S, ports ...Port) {
	var door door
	open := func(_ context.Context, c *cloud.Cloud, _ *parts.Ports) (err error) {
		if c.Origin != "" {
			door.secret, err = secrets(c).Resolve(c.Origin)
		}
		return err
	}
	run(append(ports, open), func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		if at, perr := url.Parse(a.BaseURL); perr == nil {
			door.host = at.Host
		}
		mux := http.NewServeMux()
		h.Register(mux)
		pages.Register(mux)
		mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("ok\n")) // the connection may be gone
		})
		// Every body travels as base64: what a browser uploads or fetches is bytes.
		adapter := algnhsa.New(sniff(door.guard(web.Protect(mux))), &algnhsa.Options{RequestType: algnhsa.RequestTypeAPIGatewayV2, BinaryContentTypes: []string{"*/*"}})
		return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
			out, err := adapter.Invoke(ctx, payload)
			if err == nil && len(out) > maxAnswer {
				return tooLarge(), nil
			}
			return out, err
		}, nil
	})
}

// maxAnswer is what a Lambda may answer (AWS Lambda Developer Guide, "Lambda quotas": 6 MB, synchronous).
const maxAnswer = 6 << 20

// tooLarge is the answer instead of one that the platform would drop without a word.
func tooLarge() json.RawMessage {
	raw, _ := json.Marshal(map[string]any{ // texts and a number
		"statusCode": http.StatusInternalServerError, "headers": map[string]string{"Content-Type": "application/problem+json"},
		"body": `{"type":"about:blank","title":"` + fault.RuleFor(fault.Internal).Title + `","status":500,"class":"internal"}`,
	})
	return raw
}

// The headers by which CloudFront proves itself and says who calls (Amazon CloudFront Developer Guide, "Add CloudFront request
// headers"). The second is believed only with the first.
const (
	originHeader = "X-Habeas-Origin"
	viewerHeader = "CloudFront-Viewer-Address"
)

// door lets in what came through CloudFront, where there is one.
type door struct {
	secret redact.Text
	host   string // by which people reach the installation
}

func (d *door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What a caller wrote there itself must not be taken for a proxy's word.
		r.Header.Del("X-Forwarded-For")
		if want := d.secret.Reveal(); want != "" {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get(originHeader)), []byte(want)) != 1 {
				web.WriteProblem(w, fault.New(fault.Forbidden, "this address is not for direct use"))
				return
			}
			r.Header.Del(originHeader)
			r.RemoteAddr = viewer(r.Header.Get(viewerHeader), r.RemoteAddr)
		}
		// The HTTP API is called by a name of its own; whether a browser acts from another site is judged by the one it knows.
		if d.host != "" {
			r.Host = d.host
		}
		next.ServeHTTP(w, r)
	})
}

// viewer turns "198.51.100.7:4711" or "2001:db8::1:4711" into an address with port; what is neither leaves other as it is.
func viewer(header, other string) string {
	i := strings.LastIndexByte(header, ':')
	if i < 0 {
		return other
	}
	addr, err := netip.ParseAddr(strings.Trim(header[:i], "[]"))
	if err != nil {
		return other
	}
	return netip.AddrPortFrom(addr, 0).String()
}
