package console

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/numbers"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// pageNumbers shows the numbers of one calendar year, this one unless another is chosen.
func (h *Handler) pageNumbers(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionNumbers)
	if err != nil {
		return err
	}
	years, err := h.years(r, c)
	if err != nil {
		return err
	}
	year, err := strconv.Atoi(r.URL.Query().Get("year"))
	if err != nil || !slices.Contains(years, year) {
		year = years[0]
	}
	from, to := civil.Date{Year: year, Month: time.January, Day: 1}, civil.Date{Year: year, Month: time.December, Day: 31}
	q := numbers.Question{From: from, To: to, Zone: c.zone, Now: h.Now()}
	report, err := numbers.Summarise(h.numbers(r, c, q), q)
	if err != nil {
		return err
	}
	span := []string{"from", from.String(), "to", to.String()}
	m := pages.ConsoleNumbers{
		ConsoleFrame: f, Year: year, Total: line("", report.Total), Months: months(year, report.Months),
		JSONURL: c.url("/console/numbers/figures", span...), CSVURL: c.url("/console/numbers/figures", append(span, "format", "csv")...),
		RecordsURL: c.url("/console/numbers/records", span...),
	}
	for _, y := range years {
		m.Years = append(m.Years, pages.NumbersYear{Year: y, URL: c.url("/console/numbers", "year", strconv.Itoa(y))})
	}
	for _, l := range report.Lines {
		if title := h.lawName(l.Law); len(m.Laws) == 0 || m.Laws[len(m.Laws)-1].Title != title {
			m.Laws = append(m.Laws, pages.NumbersLaw{Title: title})
		}
		last := &m.Laws[len(m.Laws)-1]
		last.Lines = append(last.Lines, line(l.Right, l.Count))
	}
	for _, b := range numbers.Bases() {
		if n := report.Total.Bases[b]; n > 0 {
			m.Bases = append(m.Bases, pages.NumbersBasis{Basis: string(b), Requests: n})
		}
	}
	for _, p := range report.Published {
		m.Published = append(m.Published, pages.NumbersKind{
			Kind: string(p.Kind), Received: p.Received, Complied: p.Complied, Denied: p.Denied, Mean: days(p.MeanDays), Median: days(p.MedianDays),
		})
	}
	return h.Pages.ConsoleNumbers(w, m)
}

// years lists the calendar years from now back to that of the first request.
func (h *Handler) years(r *http.Request, c *caller) ([]int, error) {
	last := h.Now().In(c.zone).Year()
	first := last
	lines, err := h.Cases.Seek(r.Context(), casefile.Seek{Tenant: c.tenant.Name, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(lines) > 0 {
		one, err := h.Cases.Case(r.Context(), c.tenant.Name, lines[0].CaseID)
		if err != nil {
			return nil, err
		}
		first = min(first, one.ReceivedAt.In(c.zone).Year())
	}
	var out []int
	for y := last; y >= first; y-- {
		out = append(out, y)
	}
	return out, nil
}

// lawName is what people call a law; one that no pack has any more keeps its code.
func (h *Handler) lawName(id string) string {
	p, err := h.Packs.Pack(policy.ID(id))
	if err != nil {
		return id
	}
	return p.Name + " (" + p.Short + ")"
}

func line(right dsar.Right, c numbers.Count) pages.NumbersLine {
	return pages.NumbersLine{
		Right: right, Received: c.Received, Complied: c.Complied, InPart: c.InPart, Denied: c.Denied, Withdrawn: c.Withdrawn,
		Unverified: c.Unverified, Open: c.Open, Late: c.Late, Mean: days(c.MeanDays), Median: days(c.MedianDays),
	}
}

// months are the twelve of a year, whether anything came in them or not.
func months(year int, counted []numbers.Month) []pages.NumbersMonth {
	var out []pages.NumbersMonth
	for m := time.January; m <= time.December; m++ {
		one := pages.NumbersMonth{Month: int(m)}
		name := civil.Date{Year: year, Month: m, Day: 1}.String()[:7]
		for _, c := range counted {
			if c.Month == name {
				one.Received, one.Granted, one.Denied = c.Received, c.Complied+c.InPart, c.Denied+c.Unverified
				one.Withdrawn, one.Open = c.Withdrawn, c.Open
			}
		}
		out = append(out, one)
	}
	return out
}

// days writes a number of days with at most one decimal; nothing was answered when it is empty.
func days(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(float64(int(*n*10+0.5))/10, 'f', -1, 64)
}
