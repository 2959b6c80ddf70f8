package pages

import (
	"io"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// NumbersLine is the numbers of some requests; those from Complied to Open add up to Received. Mean and Median are days in words for
// people ("12.5"), empty when nothing was answered.
type NumbersLine struct {
	Right      dsar.Right // empty on the line of all
	Received   int
	Complied   int
	InPart     int
	Denied     int
	Withdrawn  int
	Unverified int
	Open       int
	Late       int
	Mean       string
	Median     string
}

// NumbersLaw is the lines of one law. Title is empty for requests that no law was chosen for yet.
type NumbersLaw struct {
	Title string
	Lines []NumbersLine
}

// NumbersMonth is what came in one month, and what became of it: the numbers after Received add up to it.
type NumbersMonth struct {
	Month     int // 1 to 12
	Received  int
	Granted   int // in whole or in part
	Denied    int // unverified ones too
	Withdrawn int
	Open      int
}

// NumbersBasis counts the requests that were denied, in whole or in part, for one reason: see numbers.Basis.
type NumbersBasis struct {
	Basis    string
	Requests int
}

// NumbersBases lists every reason.
func NumbersBases() []string {
	return []string{"not_verifiable", "not_made_by_consumer", "exempt", "other"}
}

// NumbersKind is what California has published of one kind of request: see numbers.Kind.
type NumbersKind struct {
	Kind     string
	Received int
	Complied int
	Denied   int
	Mean     string
	Median   string
}

// NumbersKinds lists every kind.
func NumbersKinds() []string { return []string{"delete", "correct", "know", "opt_out", "limit"} }

// NumbersYear is a year that can be chosen.
type NumbersYear struct {
	Year int
	URL  string
}

// ConsoleNumbers is what is counted about the requests that were received in one year.
type ConsoleNumbers struct {
	ConsoleFrame
	Year       int
	Years      []NumbersYear // the newest first
	Months     []NumbersMonth
	Laws       []NumbersLaw
	Total      NumbersLine
	Bases      []NumbersBasis
	Published  []NumbersKind // empty when there is nothing to publish
	JSONURL    string
	CSVURL     string
	RecordsURL string // the requests one by one
}

// ConsoleNumbers writes the page.
func (r *Renderer) ConsoleNumbers(w io.Writer, m ConsoleNumbers) error {
	return r.render(w, m.Lang, "console-numbers", m)
}

// The drawing of a year is this large, in units of its view box; the page scales it.
const (
	chartWidth, chartHeight = 360, 150
	chartTop, chartFloor    = 14, 132
	chartGap                = 8
)

// MonthChart is the months drawn to scale. The table below it says the same.
type MonthChart struct {
	Box  string
	Base string // where the bars stand
	Bars []chartBar
}

// chartBar is one month: its number, and its parts from the ground up.
type chartBar struct {
	Month, Received int
	X, Y            string // of the middle, and of the number above it
	Parts           []chartPart
}

// chartPart is a rectangle. Kind is granted, denied, withdrawn or open.
type chartPart struct{ Kind, X, Y, Width, Height string }

// Chart draws the months; it has no bars when nothing was received.
func (m ConsoleNumbers) Chart() MonthChart {
	out := MonthChart{Box: "0 0 " + strconv.Itoa(chartWidth) + " " + strconv.Itoa(chartHeight), Base: strconv.Itoa(chartFloor)}
	most := 0
	for _, one := range m.Months {
		most = max(most, one.Received)
	}
	if most == 0 {
		return out
	}
	slot := float64(chartWidth) / float64(len(m.Months))
	for i, one := range m.Months {
		left, y := float64(i)*slot+chartGap/2, float64(chartFloor)
		bar := chartBar{Month: one.Month, Received: one.Received, X: unit(left + (slot-chartGap)/2)}
		for _, part := range []struct {
			kind string
			n    int
		}{{"granted", one.Granted}, {"denied", one.Denied}, {"withdrawn", one.Withdrawn}, {"open", one.Open}} {
			height := float64(part.n) / float64(most) * (chartFloor - chartTop)
			if part.n > 0 {
				bar.Parts = append(bar.Parts, chartPart{part.kind, unit(left), unit(y - height), unit(slot - chartGap), unit(height)})
			}
			y -= height
		}
		bar.Y = unit(y - 3)
		out.Bars = append(out.Bars, bar)
	}
	return out
}

func unit(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }
