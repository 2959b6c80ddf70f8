// Package demo makes the data of `habeas serve --demo`: a fictional shop with 5,000 customers and about 150,000 rows in
// twelve tables, a small rowing club for the second tenant, and for the third a shop of 400 customers, some of whom are in a
// CRM too, each with its data map. It also runs what stands outside of Habeas in the demonstration: the CRM, and a company
// that is told of changes by webhook.
//
// Everybody in it is invented. Names are put together by chance from lists of common names, addresses end in example.com or
// .test, telephone numbers come from ranges reserved for fiction, and IP addresses from the ranges for documentation. The
// data is the same on every machine and in every run, so that tests and the tour may count rows.
package demo

// The files that Seed creates in its directory.
const (
	ShopDatabase = "shop.db"
	ShopDataset  = "shop.yml"
	ClubDatabase = "club.db"
	ClubDataset  = "club.yml"

	OakhurstDatabase = "oakhurst.db" // its data map is that of the shop
	CRMDataset       = "crm.yml"
	CRMConnector     = "crm.connector.yml"
)

// Person is somebody in the demo data who shows one behaviour.
type Person struct {
	Name  string
	Email string
	Shows string // what happens when this person asks, in one sentence
}

// People worth trying first. Everybody but ClubOnly and Unknown is a customer of the shop.
const (
	TypicalName  = "Ines Marchetti"
	TypicalEmail = "ines.marchetti@example.com"

	BusyName  = "Tobias Lindqvist"
	BusyEmail = "tobias.lindqvist@example.com"

	TwoMailsName        = "Amara Okonkwo"
	TwoMailsEmail       = "amara.okonkwo@example.com"
	TwoMailsSecondEmail = "amara@okonkwo-studio.test"

	NoOrdersName  = "Noor Haddad"
	NoOrdersEmail = "noor.haddad@example.com"

	HouseholdName       = "佐藤 花"
	HouseholdEmail      = "hana.sato@example.com"
	HouseholdOtherName  = "佐藤 健二"
	HouseholdOtherEmail = "kenji.sato@example.com"

	SharedPhoneName       = "Rosa Ferreira"
	SharedPhoneEmail      = "rosa.ferreira@example.com"
	SharedPhoneOtherName  = "Luís Ferreira"
	SharedPhoneOtherEmail = "luis.ferreira@example.com"

	ClubOnlyName  = "Orla Brennan"
	ClubOnlyEmail = "orla.brennan@mail.test"

	UnknownEmail = "nobody@example.com"
)

// People returns those to try first, in the order in which a newcomer should meet them.
func People() []Person {
	return []Person{
		{TypicalName, TypicalEmail, "a customer with orders, reviews and a support ticket; member of the rowing club too"},
		{BusyName, BusyEmail, "hundreds of orders: a large package"},
		{TwoMailsName, TwoMailsEmail, "two mail addresses; tickets under the second one are found as well"},
		{NoOrdersName, NoOrdersEmail, "an account without a single order"},
		{HouseholdName, HouseholdEmail, "shares a home and gifts with " + HouseholdOtherEmail + ", of whom the package shows nothing"},
		{SharedPhoneName, SharedPhoneEmail, "shares a telephone with " + SharedPhoneOtherEmail + ": ambiguous, a person decides"},
		{ClubOnlyName, ClubOnlyEmail, "known to the rowing club alone"},
		{"Nobody", UnknownEmail, "known to no system: we hold nothing"},
	}
}
