package disclosure

// CSVCell returns a text as a cell of a CSV file.
func CSVCell(s string) string { return string(appendText(nil, s)) }
