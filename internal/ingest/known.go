package ingest

import "time"

// Known returns a moment: every event that came before it is in the store, and
// can be found there a second later. It is the present, or when the oldest came
// of those that wait.
func (in *Intake) Known() time.Time {
	now := in.now()
	if seen, waits := in.line.oldest(); waits {
		return seen
	}
	return now
}

// oldest returns when the frame came that waits for longest.
func (l *line) oldest() (seen time.Time, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flight) > 0 {
		return l.flight[0].seen, true
	}
	if l.handed == l.tail {
		return time.Time{}, false
	}
	f := l.peek()
	if f == nil {
		return time.Time{}, l.handed != l.tail
	}
	return f.seen, true
}
