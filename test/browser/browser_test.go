// Package browser walks through Habeas as people do: in a headless Chromium with JavaScript switched off, by links, buttons and
// keys, from the first page of the portal to the opened package, and through the console. Every page on the way is held to
// the same rules (see look): axe finds nothing at 320 and 1280 pixels in light and in dark, nothing hangs over the edge, and it
// comes in less than 50 kB. Pictures of all of them land in .tools/screens. `make test-all` runs it.
package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// update writes the pictures that the README shows.
var update = flag.Bool("update", false, "write the pictures in screens/")

// Set once by TestMain, before any test runs.
var (
	kit      *testkit.Kit
	chromium context.Context // the browser that all tests share
	axe      string          // the source of axe-core
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	raw, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "AXE names axe.min.js of axe-core; `make test-module MODULE=test/browser` fetches and sets it:", err)
		return 1
	}
	axe = string(raw)
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "making the folder for pictures:", err)
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("disable-lcd-text", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var end context.CancelFunc
	chromium, end = chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(chromium); err != nil {
		fmt.Fprintln(os.Stderr, "starting chromium:", err)
		return 1
	}
	return testkit.Run(m, func(k *testkit.Kit) { kit = k })
}

// pictures is where screenshots land; Git ignores it.
var pictures = filepath.Join("..", "..", ".tools", "screens")

// patience bounds one step of a person: a page that takes longer is broken.
const patience = 20 * time.Second
