package demo

import (
	"fmt"
	"time"
)

// Sizes of the shop.
const (
	customerCount = 5000
	oakhurstCount = 400 // customers of the third tenant
	employeeCount = 24
	skuPerKind    = 15
)

// product is something the shop sells; price in cents.
type product struct {
	sku, name string
	price     int
}

// customer is what later tables need to know about one.
type customer struct {
	human
	id, address int
	alt, phone  any
	since       time.Time
	orders      int
	partner     int  // id of somebody in the same household; 0 = nobody
	plain       bool // leaves out what would blur what a named person shows
}

// shop holds what the tables of the shop share while they are filled.
type shop struct {
	*filler
	crowd     *crowd
	size      int // customers
	products  []product
	customers []customer
	addresses int
	orders    int
	reviews   int
	tickets   int
	logins    int
	bought    map[int][]int // customer -> indexes of products, for reviews and tickets
}

// fillShop returns what fills a shop with so many customers, those with names that people may try among them.
func fillShop(size int) func(*filler) {
	return func(f *filler) { newShop(f, size) }
}

func newShop(f *filler, size int) {
	crowd, err := newCrowd(f.rng, TypicalEmail, BusyEmail, TwoMailsEmail, NoOrdersEmail, HouseholdEmail, HouseholdOtherEmail, SharedPhoneEmail, SharedPhoneOtherEmail)
	if err != nil {
		f.err = err
		return
	}
	s := &shop{filler: f, crowd: crowd, size: size, bought: map[int][]int{}}
	s.fillProducts()
	s.fillEmployees()
	s.inventCustomers()
	for i := range s.customers {
		s.fillCustomer(&s.customers[i])
	}
	for i := range s.customers {
		c := &s.customers[i]
		for range c.orders {
			s.fillOrder(c)
		}
		s.fillReviews(c)
		s.fillNewsletter(c)
		s.fillTickets(c)
		s.fillLogins(c)
	}
}

func (s *shop) fillProducts() {
	for kind, words := range productWords {
		n := 0
		for _, adjective := range words[0] {
			for _, noun := range words[1] {
				n++
				p := product{fmt.Sprintf("%s-%03d", categories[kind], n), adjective + " " + noun, 350 + s.rng.IntN(120)*50}
				s.products = append(s.products, p)
				s.insert("products", p.sku, p.name, categories[kind], money(p.price))
			}
		}
	}
}

func (s *shop) fillEmployees() {
	roles := []string{"support", "support", "warehouse", "accounts"}
	for i := range employeeCount {
		h := s.crowd.next(nil)
		s.insert("employees", i+1, fmt.Sprintf("staff-%02d@shop.test", i+1), h.name, roles[i%len(roles)], phone(10_000+i), s.fillAddress(h.culture))
	}
}

func (s *shop) fillAddress(k *culture) int {
	s.addresses++
	a := s.crowd.address(k)
	s.insert("addresses", s.addresses, a.line1, a.line2, a.city, a.region, a.postal, a.country)
	return s.addresses
}

// inventCustomers names everybody first: gifts and referrals point at people who come later.
func (s *shop) inventCustomers() {
	s.customers = make([]customer, 0, s.size)
	for _, n := range s.named() {
		n.id, n.plain = len(s.customers)+1, true
		s.customers = append(s.customers, n)
	}
	for id := len(s.customers) + 1; id <= s.size; id++ {
		c := customer{id: id, phone: phone(id), since: s.rng.instant(firstDay), orders: s.orderCount()}
		// One in eleven shares a home with the customer before.
		if before := &s.customers[id-2]; s.rng.chance(9) && before.partner == 0 && !before.plain {
			c.human, c.partner, before.partner = s.crowd.next(&before.human), before.id, id
		} else {
			c.human = s.crowd.next(nil)
		}
		if s.rng.chance(15) {
			c.phone = nil
		}
		if s.rng.chance(4) {
			c.alt = fmt.Sprintf("second.%d@post.test", id)
		}
		s.customers = append(s.customers, c)
	}
}

func (s *shop) named() []customer {
	at := func(locale string) *culture {
		for i := range s.crowd.cultures {
			if s.crowd.cultures[i].locale == locale {
				return &s.crowd.cultures[i]
			}
		}
		return &s.crowd.cultures[0]
	}
	one := func(name, email, locale string, n, orders int) customer {
		k := at(locale)
		return customer{
			human: human{name: name, email: email, locale: locale, country: k.country, culture: k},
			phone: phone(n), since: firstDay.AddDate(0, 4*n, 3*n), orders: orders,
		}
	}
	list := []customer{
		one(TypicalName, TypicalEmail, "fr-FR", 1, 9), one(BusyName, BusyEmail, "en-GB", 2, 640), one(TwoMailsName, TwoMailsEmail, "en-GB", 3, 6),
		one(NoOrdersName, NoOrdersEmail, "ar-EG", 4, 0), one(HouseholdName, HouseholdEmail, "ja-JP", 5, 8), one(HouseholdOtherName, HouseholdOtherEmail, "ja-JP", 6, 7),
		one(SharedPhoneName, SharedPhoneEmail, "es-MX", 7, 5), one(SharedPhoneOtherName, SharedPhoneOtherEmail, "es-MX", 7, 3),
	}
	list[2].alt = TwoMailsSecondEmail
	list[4].partner, list[5].partner = 6, 5
	return list
}

// orderCount: one in eight never ordered, a few order for an office.
func (s *shop) orderCount() int {
	switch n := s.rng.IntN(1000); {
	case n < 125:
		return 0
	case n > 996:
		return 120 + s.rng.IntN(200)
	}
	n := 1
	for n < 40 && s.rng.chance(75) {
		n++
	}
	return n
}

func (s *shop) fillCustomer(c *customer) {
	if c.partner != 0 && c.partner < c.id {
		c.address = s.customers[c.partner-1].address
	} else {
		c.address = s.fillAddress(c.culture)
	}
	var referredBy, preferences any
	if c.id > 20 && s.rng.chance(18) {
		referredBy = 9 + s.rng.IntN(c.id-10)
	}
	if s.rng.chance(60) {
		preferences = fmt.Sprintf(`{"currency":"EUR","topics":["%s","%s"],"paperInvoice":%t}`, s.rng.pick(categories), s.rng.pick(categories), s.rng.chance(20))
	}
	born := time.Date(1940+s.rng.IntN(66), time.Month(1+s.rng.IntN(12)), 1+s.rng.IntN(28), 0, 0, 0, 0, time.UTC)
	s.insert("customers", c.id, c.email, c.alt, c.name, c.phone, day(born), c.locale, stamp(c.since), c.address, referredBy,
		s.rng.IntN(4000), s.rng.IntN(500) == 0, preferences)
}

// money writes cents as a decimal number.
func money(cents int) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
