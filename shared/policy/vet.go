package policy

// Vet reads one pack as strictly as LoadFS does, with the calendars that are built in, and returns it. The error is
// fault.Misconfigured and names the line of everything that is wrong, in a file called name. Whether the pack agrees with others
// (two laws for one place) only LoadFS can tell.
func Vet(name string, content []byte) (Pack, error) {
	check, err := packSchema()
	if err != nil {
		return Pack{}, err
	}
	s, err := Load()
	if err != nil {
		return Pack{}, err
	}
	return s.readPack(&reader{pack: check}, name, content, false)
}
