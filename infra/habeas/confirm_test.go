package main

import (
	"os"
	"strings"
	"testing"
)

func TestOnlyYesIsYes(t *testing.T) {
	for typed, want := range map[string]bool{
		"y\n": true, "Y\r\n": true, " yes \n": true, "yes": true,
		"n\n": false, "\n": false, "": false, "yess\n": false, "no\n": false, "ja\n": false, strings.Repeat(" ", 200) + "y\n": false,
	} {
		if err := answer(strings.NewReader(typed)); (err == nil) != want {
			t.Errorf("the answer %q: %v", typed, err)
		}
	}
}

// Scripts are not asked, whatever their standard input is.
func TestNobodySitsAtAPipeOrAtTheNullDevice(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if isTerminal(null) || isTerminal(r) || isTerminal(strings.NewReader("y\n")) {
		t.Error("somebody is asked where nobody can answer")
	}
}
