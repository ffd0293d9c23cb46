package ingest

import (
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Sample is a record that was refused, as far as it may be shown.
type Sample struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	Text   string    `json:"text"` // the beginning of it, without what looks like a secret
	Bytes  int       `json:"bytes"`
}

const (
	samplesOfReason = 3
	samplesOfSource = 24
	sampleBytes     = 400
)

// samples keeps the newest refused records of each source, some of each reason.
type samples struct {
	mu  sync.Mutex
	all map[key][]Sample
}

func (s *samples) keep(k key, at time.Time, reason, detail string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[key][]Sample{}
	}
	list, same := s.all[k], 0
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Reason == reason {
			if same++; same >= samplesOfReason {
				if at.Sub(list[i].At) < time.Second {
					return // a flood shows its first ones
				}
				list = append(list[:i], list[i+1:]...)
				break
			}
		}
	}
	list = append(list, Sample{at, reason, redact(detail), redact(string(data[:min(len(data), sampleBytes)])), len(data)})
	if len(list) > samplesOfSource {
		list = list[1:]
	}
	s.all[k] = list
}

// of returns the samples of a source, the newest first.
func (s *samples) of(k key) []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.all[k]
	out := make([]Sample, len(list))
	for i, x := range list {
		out[len(list)-1-i] = x
	}
	return out
}

func (s *samples) set(k key, newestFirst []Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[key][]Sample{}
	}
	for i := len(newestFirst) - 1; i >= 0; i-- {
		s.all[k] = append(s.all[k], newestFirst[i])
	}
}

var secrets = regexp.MustCompile(`(?i)((?:passw(?:or)?d|pwd|secret|token|api[_-]?key|authorization|cookie)[a-z_-]{0,16}["']?\s*[:=]\s*["']?(?:bearer |basic )?)[^"'\s,;&}]+|bnc_[0-9A-Za-z]{8,}`)

// redact makes a text of what a stranger sent that can be shown.
func redact(s string) string {
	s = secrets.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "$1•••")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' && r != '\uFFFD' {
			return '·'
		}
		return r
	}, s)
}
