CREATE TABLE members (
  number TEXT PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, phone TEXT, birth_date DATE, joined_on DATE NOT NULL, membership TEXT NOT NULL,
  emergency_contact_name TEXT, emergency_contact_phone TEXT, swims BOOLEAN NOT NULL
);
CREATE TABLE boats (
  name TEXT PRIMARY KEY, class TEXT NOT NULL, seats INTEGER NOT NULL
);
CREATE TABLE bookings (
  boat TEXT NOT NULL REFERENCES boats(name), starts_at DATETIME NOT NULL, member_number TEXT NOT NULL REFERENCES members(number), hours INTEGER NOT NULL, note TEXT,
  PRIMARY KEY (boat, starts_at)
) WITHOUT ROWID;
CREATE TABLE dues (
  member_number TEXT NOT NULL REFERENCES members(number), year INTEGER NOT NULL, amount DECIMAL_TEXT NOT NULL, paid_on DATE, PRIMARY KEY (member_number, year)
) WITHOUT ROWID;
