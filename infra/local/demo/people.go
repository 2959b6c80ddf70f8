package demo

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

//go:embed cultures.txt
var cultureText string

// random is the source of everything that varies. Its seed is fixed, so that every run makes the same data.
type random struct{ *rand.Rand }

// newRand returns the source of one database; salt makes it another one.
func newRand(salt uint64) *random {
	return &random{rand.New(rand.NewPCG(0x6861626561732d31, 0x64656d6f+salt))}
}

func (r *random) chance(percent int) bool { return r.IntN(100) < percent }

func (r *random) pick(list []string) string { return list[r.IntN(len(list))] }

// instant returns a time in the seven years before the last day of the data.
func (r *random) instant(after time.Time) time.Time {
	return after.Add(time.Duration(r.Int64N(int64(lastDay.Sub(after)/time.Second))) * time.Second)
}

// The time that the data covers.
var (
	firstDay = time.Date(2019, 3, 1, 8, 0, 0, 0, time.UTC)
	lastDay  = time.Date(2026, 2, 27, 18, 0, 0, 0, time.UTC)
)

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

func day(t time.Time) string { return t.Format(time.DateOnly) }

// culture is where names, cities and streets go together.
type culture struct {
	locale, country string
	familyFirst     bool
	weight          int
	given, family   [][2]string // written, Latin
	cities, streets []string
}

// readCultures reads cultures.txt, whose head describes the format.
func readCultures(text string) ([]culture, error) {
	var list []culture
	_, text, _ = strings.Cut(text, "address.\n")
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		if len(lines) != 5 {
			return nil, fmt.Errorf("reading cultures: a paragraph has %d lines, not 5", len(lines))
		}
		head := strings.Fields(lines[0])
		if len(head) != 4 {
			return nil, fmt.Errorf("reading cultures: %q is no head", lines[0])
		}
		weight, err := strconv.Atoi(head[3])
		if err != nil {
			return nil, fmt.Errorf("reading the weight of a culture: %w", err)
		}
		list = append(list, culture{
			locale: head[0], country: head[1], familyFirst: head[2] == "family", weight: weight,
			given: readNames(lines[1]), family: readNames(lines[2]),
			cities: strings.Split(lines[3], "|"), streets: strings.Split(lines[4], "|"),
		})
	}
	return list, nil
}

func readNames(line string) [][2]string {
	var names [][2]string
	for word := range strings.FieldsSeq(line) {
		written, latin, _ := strings.Cut(word, "/")
		names = append(names, [2]string{written, latin})
	}
	return names
}

// crowd invents people, each with a mail address of their own.
type crowd struct {
	rng      *random
	cultures []culture
	total    int // of the weights
	used     map[string]int
	mailAt   []string
}

func newCrowd(rng *random, taken ...string) (*crowd, error) {
	cultures, err := readCultures(cultureText)
	if err != nil {
		return nil, err
	}
	c := &crowd{rng: rng, cultures: cultures, used: map[string]int{}, mailAt: []string{"example.com", "mail.test", "post.test", "example.com"}}
	for _, k := range cultures {
		c.total += k.weight
	}
	for _, address := range taken {
		local, _, _ := strings.Cut(address, "@")
		c.used[local] = 1
	}
	return c, nil
}

// human is an invented person.
type human struct {
	name, email, locale, country string
	culture                      *culture
	family                       [2]string
}

func (c *crowd) culture() *culture {
	n := c.rng.IntN(c.total)
	for i := range c.cultures {
		if n -= c.cultures[i].weight; n < 0 {
			return &c.cultures[i]
		}
	}
	return &c.cultures[0]
}

// next invents a person; with a relative, one of the same family name and culture.
func (c *crowd) next(relative *human) human {
	h := human{culture: c.culture()}
	if relative != nil {
		h.culture, h.family = relative.culture, relative.family
	} else {
		h.family = h.culture.family[c.rng.IntN(len(h.culture.family))]
	}
	given := h.culture.given[c.rng.IntN(len(h.culture.given))]
	h.name = given[0] + " " + h.family[0]
	if h.culture.familyFirst {
		h.name = h.family[0] + " " + given[0]
	}
	h.locale, h.country = h.culture.locale, h.culture.country
	local := given[1] + "." + h.family[1]
	if c.used[local]++; c.used[local] > 1 {
		local += strconv.Itoa(c.used[local])
	}
	h.email = local + "@" + c.rng.pick(c.mailAt)
	return h
}

// address is a place to live.
type address struct{ line1, line2, city, region, postal, country any }

func (c *crowd) address(k *culture) address {
	a := address{
		line1: fmt.Sprintf(c.rng.pick(k.streets), 1+c.rng.IntN(180)), city: c.rng.pick(k.cities), country: k.country,
		postal: fmt.Sprintf("%05d", c.rng.IntN(99999)),
	}
	if c.rng.chance(22) {
		a.line2 = fmt.Sprintf("%d/%d", 1+c.rng.IntN(9), 1+c.rng.IntN(24))
	}
	if k.country == "US" {
		a.region = c.rng.pick([]string{"CA", "NY", "OR", "TX", "VA"})
	}
	return a
}

// phone returns the n-th number of the ranges that are reserved for fiction: 10,000 in America, 1,000 in Britain.
func phone(n int) string {
	if n >= 10_000 {
		return fmt.Sprintf("+447700900%03d", n%1000)
	}
	return fmt.Sprintf("+1555010%04d", n)
}
