package demo

import (
	"fmt"
	"time"
)

const memberCount = 240

// fillClub fills the database of the second tenant. Telephone numbers are written as people write them, with spaces.
func fillClub(f *filler) {
	crowd, err := newCrowd(f.rng, TypicalEmail, ClubOnlyEmail)
	if err != nil {
		f.err = err
		return
	}
	for i, name := range boatNames {
		seats := 1 << (i % 4)
		f.insert("boats", name, []string{"single", "double", "four", "eight"}[i%4], seats)
	}
	slot := 0
	for n := range memberCount {
		h := crowd.next(nil)
		switch n {
		case 0:
			h.name, h.email = TypicalName, TypicalEmail
		case 1:
			h.name, h.email = ClubOnlyName, ClubOnlyEmail
		}
		slot = fillMember(f, crowd, n, h, slot)
	}
}

// fillMember adds a member with bookings and dues. slot counts bookings, so that no boat is out twice at once.
func fillMember(f *filler, crowd *crowd, n int, h human, slot int) int {
	number := fmt.Sprintf("M-%04d", n+1)
	joined := f.rng.instant(firstDay)
	born := time.Date(1945+f.rng.IntN(60), time.Month(1+f.rng.IntN(12)), 1+f.rng.IntN(28), 0, 0, 0, 0, time.UTC)
	f.insert("members", number, h.email, h.name, fmt.Sprintf("+44 7700 900 %03d", n), day(born), day(joined), f.rng.pick([]string{"full", "student", "social"}),
		crowd.next(&h).name, fmt.Sprintf("+44 7700 900 %03d", 500+n), f.rng.chance(97))
	for range 1 + f.rng.IntN(12) {
		slot++
		var note any
		if f.rng.chance(15) {
			note = f.rng.pick([]string{"Coming back after an injury, slowly.", "Cox wanted.", "Rigging of seat 3 is loose.", "Training for the spring regatta."})
		}
		at := firstDay.AddDate(4, 0, slot/len(boatNames))
		f.insert("bookings", boatNames[slot%len(boatNames)], stamp(at), number, 1+f.rng.IntN(3), note)
	}
	for year := max(joined.Year(), 2022); year <= 2026; year++ {
		var paid any
		if year < 2026 || f.rng.chance(60) {
			paid = fmt.Sprintf("%d-01-%02d", year, 2+f.rng.IntN(26))
		}
		f.insert("dues", number, year, "180.00", paid)
	}
	return slot
}
