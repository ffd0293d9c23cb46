package cli

import (
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// progress shows how far long work is: a bar at a terminal, else a line every
// few seconds. The second function ends it.
func (s *session) progress(title lang.Text) (func(done, total int), func()) {
	if !s.ErrTTY {
		return s.progressLines(title), func() {}
	}
	var bar *progressbar.ProgressBar
	step := func(done, total int) {
		if bar == nil {
			bar = s.bar(title, total)
		}
		bar.Set(done)
	}
	return step, func() {
		if bar != nil {
			bar.Finish()
		}
	}
}

func (s *session) bar(title lang.Text, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(s.Err), progressbar.OptionSetDescription(title.In(s.code)), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
}

const progressEvery = 5 * time.Second

func (s *session) progressLines(title lang.Text) func(done, total int) {
	last := s.now()
	return func(done, total int) {
		if now := s.now(); now.Sub(last) >= progressEvery {
			last = now
			s.tell("%s: %d of %d", "%s: %d de %d", title.In(s.code), done, total)
		}
	}
}
