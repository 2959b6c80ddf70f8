CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT, price NUMERIC(10,2));
CREATE TABLE address (id INTEGER PRIMARY KEY, house TEXT, street TEXT, city TEXT, state TEXT, zip TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, name TEXT, phone TEXT, created DATETIME NOT NULL, address_id INTEGER REFERENCES address(id));
CREATE INDEX customer_email ON customer(email);
CREATE INDEX customer_address ON customer(address_id);
CREATE TABLE employee (id INTEGER PRIMARY KEY, email TEXT, name TEXT, address_id INTEGER REFERENCES address(id));
CREATE INDEX employee_email ON employee(email);
CREATE TABLE payment_card (
  id TEXT PRIMARY KEY, name TEXT, ccn TEXT, code TEXT, preferred BOOLEAN, customer_id INTEGER REFERENCES customer(id),
  billing_address_id INTEGER REFERENCES address(id)
);
CREATE INDEX payment_card_customer ON payment_card(customer_id);
CREATE TABLE orders (
  id TEXT PRIMARY KEY, customer_id INTEGER REFERENCES customer(id), shipping_address_id INTEGER REFERENCES address(id),
  payment_card_id TEXT REFERENCES payment_card(id), placed DATETIME NOT NULL, total NUMERIC(10,2) NOT NULL, recipient_name TEXT, note TEXT
);
CREATE INDEX orders_customer ON orders(customer_id);
CREATE TABLE order_item (order_id TEXT REFERENCES orders(id), item_no INTEGER, product_id INTEGER REFERENCES product(id), quantity INTEGER NOT NULL, PRIMARY KEY (order_id, item_no));
CREATE TABLE visit (id INTEGER PRIMARY KEY, email TEXT, last_visit DATETIME NOT NULL, ip TEXT);
CREATE INDEX visit_email ON visit(email);
CREATE TABLE login (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id), time DATETIME NOT NULL, ip TEXT, user_agent TEXT);
CREATE INDEX login_customer ON login(customer_id);
CREATE TABLE service_request (id TEXT PRIMARY KEY, email TEXT, alt_email TEXT, opened DATE NOT NULL, closed DATE, employee_id INTEGER REFERENCES employee(id), message TEXT);
CREATE INDEX service_request_email ON service_request(email);
CREATE INDEX service_request_alt_email ON service_request(alt_email);
CREATE INDEX service_request_employee ON service_request(employee_id);
CREATE TABLE report (id INTEGER PRIMARY KEY, email TEXT, name TEXT, year INTEGER, month INTEGER, total_visits INTEGER);
CREATE INDEX report_email ON report(email);
