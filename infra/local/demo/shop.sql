CREATE TABLE addresses (
  id INTEGER PRIMARY KEY, line1 TEXT NOT NULL, line2 TEXT, city TEXT NOT NULL, region TEXT, postal_code TEXT, country TEXT NOT NULL
);
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, alt_email TEXT, name TEXT NOT NULL, phone TEXT, birth_date DATE, locale TEXT NOT NULL,
  created_at DATETIME NOT NULL, home_address_id INTEGER REFERENCES addresses(id), referred_by INTEGER REFERENCES customers(id),
  loyalty_points INTEGER NOT NULL DEFAULT 0, blocked BOOLEAN NOT NULL DEFAULT 0, preferences JSON
);
CREATE TABLE employees (
  id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, phone TEXT, address_id INTEGER REFERENCES addresses(id)
);
CREATE TABLE products (
  sku TEXT PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price DECIMAL_TEXT NOT NULL
);
CREATE TABLE orders (
  id TEXT PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), gift_for_id INTEGER REFERENCES customers(id), placed_at DATETIME NOT NULL,
  status TEXT NOT NULL, currency TEXT NOT NULL, total DECIMAL_TEXT NOT NULL, shipping_address_id INTEGER REFERENCES addresses(id),
  gift_address_id INTEGER REFERENCES addresses(id), recipient_name TEXT, gift_message TEXT, delivery_note TEXT
);
CREATE TABLE order_items (
  order_id TEXT NOT NULL REFERENCES orders(id), line_no INTEGER NOT NULL, sku TEXT NOT NULL REFERENCES products(sku), quantity INTEGER NOT NULL,
  unit_price DECIMAL_TEXT NOT NULL, engraving TEXT, PRIMARY KEY (order_id, line_no)
) WITHOUT ROWID;
CREATE TABLE payments (
  id TEXT PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), order_id TEXT NOT NULL REFERENCES orders(id), method TEXT NOT NULL,
  card_holder TEXT, card_last4 TEXT, amount DECIMAL_TEXT NOT NULL, paid_at DATETIME NOT NULL
);
CREATE TABLE reviews (
  id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), employee_id INTEGER REFERENCES employees(id), sku TEXT NOT NULL REFERENCES products(sku),
  reply_to INTEGER REFERENCES reviews(id), rating INTEGER, title TEXT, body TEXT NOT NULL, written_at DATETIME NOT NULL
);
CREATE TABLE newsletter_subscriptions (
  email TEXT NOT NULL COLLATE NOCASE, list TEXT NOT NULL, language TEXT NOT NULL, subscribed_at DATETIME NOT NULL, unsubscribed_at DATETIME, opens INTEGER NOT NULL,
  PRIMARY KEY (email, list)
) WITHOUT ROWID;
CREATE TABLE tickets (
  id TEXT PRIMARY KEY, email TEXT NOT NULL, customer_id INTEGER REFERENCES customers(id), assigned_to INTEGER REFERENCES employees(id), subject TEXT NOT NULL,
  status TEXT NOT NULL, opened_at DATETIME NOT NULL, closed_at DATETIME
);
CREATE TABLE ticket_messages (
  ticket_id TEXT NOT NULL REFERENCES tickets(id), seq INTEGER NOT NULL, author TEXT NOT NULL, employee_id INTEGER REFERENCES employees(id), body TEXT NOT NULL,
  sent_at DATETIME NOT NULL, PRIMARY KEY (ticket_id, seq)
) WITHOUT ROWID;
CREATE TABLE logins (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), at DATETIME NOT NULL, ip TEXT NOT NULL, user_agent TEXT NOT NULL, success BOOLEAN NOT NULL
);
