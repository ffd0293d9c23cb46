package app

import "github.com/binnaclehq/binnacle/internal/door"

// detectGauges are the numbers of detection on this node.
func (a *App) detectGauges() []door.Gauge {
	c := a.Detect.Counts()
	count := func(name, help string, n int64) door.Gauge {
		return door.Gauge{Name: name, Help: help, Value: float64(n), Counter: true}
	}
	return []door.Gauge{
		count("binnacle_detect_events_total", "Events that were looked at by the detections.", c.Events),
		count("binnacle_detect_matches_total", "Findings of rules and matches that correlations follow.", c.Matches),
		count("binnacle_detect_findings_total", "Findings that were told, repeated ones too.", c.Findings),
		count("binnacle_detect_failed_total", "Events that could not be looked at: a gap of detection.", c.Failed),
		count("binnacle_detect_strays_total", "Events of logs that no rule is for: nothing was looked for in them.", c.Strays),
	}
}
