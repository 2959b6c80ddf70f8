package demo

import (
	"fmt"
	"strings"
	"time"
)

var orderStates = []string{"delivered", "delivered", "delivered", "delivered", "returned", "shipped", "cancelled"}

// gift decides for whom an order is: mostly for the buyer, otherwise for somebody of the household or another customer.
func (s *shop) gift(c *customer) *customer {
	switch {
	case c.partner != 0 && s.rng.chance(30):
		return &s.customers[c.partner-1]
	case !c.plain && s.rng.chance(4):
		if to := &s.customers[8+s.rng.IntN(s.size-8)]; to.id != c.id {
			return to
		}
	}
	return nil
}

func (s *shop) fillOrder(c *customer) {
	s.orders++
	id := fmt.Sprintf("ORD-%06d", s.orders)
	placed := s.rng.instant(c.since)
	var giftFor, shipTo, giftTo, recipient, message, note any
	shipTo = c.address
	if to := s.gift(c); to != nil {
		giftFor, recipient, message = to.id, to.name, s.rng.pick(giftMessages)
		// A gift to another home: that address belongs to its receiver alone, so the buyer's column stays empty.
		if to.address != c.address {
			shipTo, giftTo = nil, to.address
		}
	} else if s.rng.chance(25) {
		note = s.rng.pick(deliveryNotes)
	}
	total, lines := 0, 1
	for lines < 6 && s.rng.chance(50) {
		lines++
	}
	items := make([][]any, lines)
	for i := range items {
		n := s.rng.IntN(len(s.products))
		p, quantity := s.products[n], 1+s.rng.IntN(3)
		var engraving any
		if s.rng.chance(5) {
			engraving = s.rng.pick(engravings)
		}
		items[i] = []any{id, i + 1, p.sku, quantity, money(p.price), engraving}
		total += quantity * p.price
		s.bought[c.id] = append(s.bought[c.id], n)
	}
	s.insert("orders", id, c.id, giftFor, stamp(placed), s.rng.pick(orderStates), "EUR", money(total), shipTo, giftTo, recipient, message, note)
	for _, item := range items {
		s.insert("order_items", item...)
	}
	s.fillPayment(c, id, total, placed)
}

func (s *shop) fillPayment(c *customer, order string, total int, placed time.Time) {
	var holder, last4 any
	method := s.rng.pick([]string{"card", "card", "card", "transfer", "wallet"})
	if method == "card" {
		holder, last4 = strings.ToUpper(c.name), fmt.Sprintf("%04d", (c.id*7919)%10000)
	}
	s.insert("payments", "PAY"+order[3:], c.id, order, method, holder, last4, money(total), stamp(placed.Add(90*time.Second)))
}

// fillReviews writes reviews of what was bought; the shop answers some, and some customers answer back.
func (s *shop) fillReviews(c *customer) {
	for _, n := range s.bought[c.id] {
		if !s.rng.chance(11) {
			continue
		}
		p, at := s.products[n], s.rng.instant(c.since)
		review := s.fillReview(c.id, nil, p, nil, 1+s.rng.IntN(5), s.rng.pick(reviewTitles), fmt.Sprintf(s.rng.pick(reviewBodies), p.name), at)
		if s.rng.chance(30) {
			reply := s.fillReview(nil, 1+s.rng.IntN(employeeCount), p, review, nil, nil, s.rng.pick(replyBodies), at.Add(26*time.Hour))
			if s.rng.chance(25) {
				s.fillReview(c.id, nil, p, reply, nil, nil, s.rng.pick(ticketThanks), at.Add(50*time.Hour))
			}
		}
	}
}

func (s *shop) fillReview(customer, employee any, p product, replyTo, rating, title any, body string, at time.Time) int {
	s.reviews++
	s.insert("reviews", s.reviews, customer, employee, p.sku, replyTo, rating, title, body, stamp(at))
	return s.reviews
}

func (s *shop) fillNewsletter(c *customer) {
	for _, list := range []string{"new-arrivals", "workshop-letters"} {
		if !s.rng.chance(36) {
			continue
		}
		email, since := c.email, s.rng.instant(c.since)
		// People type their address by hand here; letter case varies.
		if s.rng.chance(20) {
			email = strings.ToUpper(email[:1]) + email[1:]
		}
		var until any
		if s.rng.chance(25) {
			until = stamp(s.rng.instant(since))
		}
		s.insert("newsletter_subscriptions", email, list, c.locale[:2], stamp(since), until, s.rng.IntN(60))
	}
}

func (s *shop) fillTickets(c *customer) {
	n := 0
	for n < 4 && s.rng.chance(38) {
		n++
	}
	if c.plain {
		n = 2
	}
	for i := range n {
		email, owner := c.email, any(c.id)
		switch {
		case c.alt != nil && i%2 == 0:
			// Written from the second address: nothing but that address leads to the ticket.
			email, owner = c.alt.(string), nil
		case s.rng.chance(30):
			owner = nil
		}
		s.fillTicket(c, email, owner)
	}
}

func (s *shop) fillTicket(c *customer, email string, owner any) {
	s.tickets++
	id, at := fmt.Sprintf("T%05d", s.tickets), s.rng.instant(c.since)
	agent := 1 + s.rng.IntN(employeeCount/2)
	item := s.products[s.rng.IntN(len(s.products))].name
	if list := s.bought[c.id]; len(list) > 0 {
		item = s.products[list[s.rng.IntN(len(list))]].name
	}
	status, closed := "closed", any(stamp(at.Add(72*time.Hour)))
	if s.rng.chance(8) {
		status, closed = "open", nil
	}
	s.insert("tickets", id, email, owner, agent, s.rng.pick(ticketSubjects), status, stamp(at), closed)
	question := fmt.Sprintf(s.rng.pick(ticketQuestions), item) + "\n\n" + c.name
	s.insert("ticket_messages", id, 1, "customer", nil, question, stamp(at))
	s.insert("ticket_messages", id, 2, "staff", agent, s.rng.pick(ticketAnswers), stamp(at.Add(5*time.Hour)))
	if s.rng.chance(70) {
		s.insert("ticket_messages", id, 3, "customer", nil, s.rng.pick(ticketThanks), stamp(at.Add(30*time.Hour)))
	}
}

func (s *shop) fillLogins(c *customer) {
	n := 1 + s.rng.IntN(12) + min(c.orders, 12)/4
	at := c.since
	for range n {
		s.logins++
		at = s.rng.instant(at)
		ip := fmt.Sprintf("203.0.113.%d", 1+(c.id*31)%254)
		if s.rng.chance(30) {
			ip = fmt.Sprintf("2001:db8:%x:%x::%x", c.id, s.rng.IntN(65536), 1+s.rng.IntN(255))
		}
		s.insert("logins", s.logins, c.id, stamp(at), ip, s.rng.pick(userAgents), !s.rng.chance(6))
	}
}
