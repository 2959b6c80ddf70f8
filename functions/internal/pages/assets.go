package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
)

// AssetPath is the path prefix under which pages ask for the stylesheet and the icon; the handler serves them there with a
// life of a year, since a name never has other content.
const AssetPath = "/assets/"

//go:embed style.css
var stylesheet []byte

//go:embed icon.svg
var icon []byte

// Stylesheet returns the one stylesheet (text/css; charset=utf-8) and its name, which contains a hash of the content.
func Stylesheet() (name string, body []byte) { return hashed("style", stylesheet, "css"), stylesheet }

// Icon returns the icon of the site (image/svg+xml) and its name, which contains a hash of the content.
func Icon() (name string, body []byte) { return hashed("icon", icon, "svg"), icon }

func hashed(stem string, body []byte, ext string) string {
	sum := sha256.Sum256(body)
	return stem + "." + hex.EncodeToString(sum[:6]) + "." + ext
}

// Register adds the stylesheet and the icon to a mux.
func Register(mux *http.ServeMux) {
	asset := func(mime string, name string, body []byte) {
		mux.HandleFunc("GET "+AssetPath+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mime)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // the name changes with the content
			_, _ = w.Write(body)                                                   // the connection may be gone
		})
	}
	name, body := Stylesheet()
	asset("text/css; charset=utf-8", name, body)
	name, body = Icon()
	asset("image/svg+xml", name, body)
}
