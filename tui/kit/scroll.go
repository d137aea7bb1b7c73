package kit

// Scroll is a cursor in a list and the window that follows it. The zero value is
// at the top. Not safe for concurrent use.
type Scroll struct {
	Cursor int
	Offset int
}

// Move shifts the cursor by d in a list of n.
func (s *Scroll) Move(d, n int) { s.Set(s.Cursor+d, n) }

// Set puts the cursor at i, kept within a list of n.
func (s *Scroll) Set(i, n int) {
	s.Cursor = min(max(i, 0), max(n-1, 0))
}

// Window returns the visible range of a list of n in h lines, keeping the cursor
// inside with a line of context where there is room.
func (s *Scroll) Window(n, h int) (from, to int) {
	if h <= 0 {
		return 0, 0
	}
	s.Set(s.Cursor, n)
	ctx := 0
	if h >= 5 {
		ctx = 1
	}
	if s.Cursor < s.Offset+ctx {
		s.Offset = s.Cursor - ctx
	}
	if s.Cursor >= s.Offset+h-ctx {
		s.Offset = s.Cursor - h + 1 + ctx
	}
	s.Offset = min(max(s.Offset, 0), max(n-h, 0))
	return s.Offset, min(s.Offset+h, n)
}

// View scrolls text without a cursor: Offset moves by d, in n lines seen through h.
func (s *Scroll) View(d, n, h int) {
	s.Offset = min(max(s.Offset+d, 0), max(n-h, 0))
}

// Nav applies the usual list keys; handled is false for any other key.
func (s *Scroll) Nav(key string, n, page int) (handled bool) {
	page = max(page, 1)
	switch key {
	case "j", "down", "ctrl+n":
		s.Move(1, n)
	case "k", "up":
		s.Move(-1, n)
	case "g", "home":
		s.Set(0, n)
	case "G", "end":
		s.Set(n-1, n)
	case "ctrl+d", "pgdown", "ctrl+f", "space":
		s.Move(page, n)
	case "ctrl+u", "pgup", "ctrl+b":
		s.Move(-page, n)
	default:
		return false
	}
	return true
}
