package asl

// Scope is what paths and functions see. Input is the value that "$" means at that point; Context builds the context object
// and is called at most once for each evaluation that needs it; NewUUID and Random (in [0,1)) serve the intrinsic functions.
type Scope struct {
	Input   any
	Context func() any
	NewUUID func() string
	Random  func() float64

	built any
}

func (s *Scope) context() any {
	if s.built == nil && s.Context != nil {
		s.built = s.Context()
	}
	return s.built
}

// With returns the scope with another input.
func (s *Scope) With(input any) *Scope {
	c := *s
	c.Input = input
	return &c
}
