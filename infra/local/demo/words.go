package demo

// What the shop sells and what people write. Sentences with %s get the name of a product.

var categories = []string{"tea", "paper", "pens", "lamps", "ceramics", "textiles", "garden", "games"}

var productWords = [...][2][]string{
	{{"Smoked", "Jasmine", "Mountain", "Winter", "Amber"}, {"Black Tea", "Green Tea", "Oolong"}},
	{{"Laid", "Cotton", "Marbled", "Ruled", "Deckle"}, {"Notebook", "Letter Paper", "Envelopes"}},
	{{"Brass", "Cedar", "Fine", "Travel", "Broad"}, {"Fountain Pen", "Pencil Set", "Brush Pen"}},
	{{"Harbour", "Reading", "Paper", "Copper", "Moon"}, {"Lamp", "Lantern", "Night Light"}},
	{{"Speckled", "Celadon", "Salt-glazed", "Tall", "Everyday"}, {"Mug", "Bowl", "Teapot"}},
	{{"Wool", "Linen", "Indigo", "Striped", "Heavy"}, {"Blanket", "Tea Towel", "Cushion"}},
	{{"Copper", "Oak", "Small", "Climbing", "Shade"}, {"Watering Can", "Seed Box", "Planter"}},
	{{"Pocket", "Walnut", "Family", "Rainy-day", "Northern"}, {"Chess Set", "Card Game", "Puzzle"}},
}

var reviewTitles = []string{"Lovely", "Exactly as described", "Good, with one remark", "Not for me", "A present that arrived well", "Второй заказ", "Sehr schön", "とても良い", "رائع", "Très satisfait"}

var reviewBodies = []string{
	"I use the %s every day and would buy it again.",
	"The %s is smaller than I thought, but well made.",
	"My sister has wanted a %s for years. She was delighted.",
	"Two weeks with the %s: no complaints at all.",
	"The %s came with a scratch; support replaced it within days.",
	"%s: gute Verarbeitung, schnelle Lieferung.",
	"%s – un vrai plaisir au quotidien.",
	"%s は思ったより軽くて使いやすいです。",
	"أنصح الجميع بتجربة %s.",
	"Quality is fine, the price of the %s is not.",
}

var replyBodies = []string{
	"Thank you for taking the time to write. We are glad that it found a good home.",
	"We are sorry about that. Please write to us, and we shall put it right.",
	"Thank you. We have passed your remark on to the workshop.",
}

var ticketSubjects = []string{"Where is my parcel?", "Wrong colour", "Change of address", "Invoice needed", "A part is missing", "Question about care", "Return within 14 days"}

var ticketQuestions = []string{
	"My order has not arrived yet. Could you tell me where the %s is?",
	"The %s I received is not the one in the picture.",
	"Please send an invoice for the %s to my tax adviser.",
	"How do I clean the %s without harming it?",
	"I should like to send the %s back. It was a gift I already own.",
}

var ticketAnswers = []string{
	"Thank you for writing. I have looked into it and shall come back to you tomorrow.",
	"The parcel left our warehouse yesterday; it should be with you within three days.",
	"A replacement is on its way. Please keep or give away the first one.",
	"You will find the instructions attached. Do ask if anything is unclear.",
}

var ticketThanks = []string{"Thank you, that settles it.", "It has arrived. All is well.", "Thanks for the quick answer!"}

var deliveryNotes = []string{"Please ring twice.", "Leave with the neighbour on the left.", "Not before ten, I work nights.", "Behind the green gate; beware of the dog.", "Bitte beim Bäcker abgeben.", "Laisser chez la gardienne."}

var giftMessages = []string{"Happy birthday! Thinking of you.", "For many quiet evenings.", "Because you lent me yours for so long.", "誕生日おめでとう。", "Zum Einzug alles Gute!"}

var engravings = []string{"For M.", "In memory of the lake", "1998–2023", "A.", "Für Oma", "永遠に"}

var userAgents = []string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
	"Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
	"ShopApp/4.2 (iOS 18.1)",
}

var boatNames = []string{"Kittiwake", "Morning Star", "Old Heron", "Patience", "Quicksilver", "Reed Warbler", "Saint Brendan", "Tern"}
