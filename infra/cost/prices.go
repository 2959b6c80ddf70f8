package cost

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Prices are public prices of one region on one day, without free tiers and discounts.
type Prices struct {
	Region   string           `json:"region"`
	AsOf     string           `json:"asOf"` // day, 2026-01-31
	Currency string           `json:"currency"`
	Prices   map[string]Price `json:"prices"` // by Item.Name
}

// Price is what so many of something cost.
type Price struct {
	Per    float64 `json:"per"`
	USD    float64 `json:"usd"`
	Source string  `json:"source"` // page of AWS
}

//go:embed *.json
var tables embed.FS

// PricesOf returns the prices of a region; fault.NotFound where nobody has written them down.
func PricesOf(region string) (Prices, error) {
	raw, err := tables.ReadFile(region + ".json")
	if err != nil {
		return Prices{}, fault.New(fault.NotFound, "there are no prices of region "+region+"; there are: "+strings.Join(Regions(), ", "))
	}
	var p Prices
	if err := json.Unmarshal(raw, &p); err != nil {
		return Prices{}, fmt.Errorf("reading prices: %w", err)
	}
	return p, nil
}

// Regions are the regions with prices.
func Regions() []string {
	entries, err := tables.ReadDir(".")
	if err != nil {
		return nil // embedded
	}
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(all)
	return all
}
