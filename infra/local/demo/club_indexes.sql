CREATE INDEX members_email ON members(email);
CREATE INDEX bookings_member ON bookings(member_number);
ANALYZE;
