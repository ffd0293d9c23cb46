package correlate_test

import (
	"fmt"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
)

// The specification's example: many failed logins, then one that succeeds.
const bruteForce = `
title: Correlation - Multiple Failed Logins Followed by Successful Login
id: b180ead8-d58f-40b2-ae54-c8940995b9b6
correlation:
    type: temporal_ordered
    rules:
        - multiple_failed_login
        - successful_login
    group-by:
        - User
    timespan: 10m
level: high
---
title: Multiple failed logons
id: a8418a5a-5fc4-46b5-b23b-6c73beb19d41
name: multiple_failed_login
correlation:
    type: event_count
    rules:
        - failed_login
    group-by:
        - User
    timespan: 10m
    condition:
        gte: 10
---
title: Single failed login
id: 53ba33fd-3a50-4468-a5ef-c583635cfa92
name: failed_login
logsource:
    product: windows
    service: security
detection:
    selection:
        EventID: [529, 4625]
    condition: selection
---
title: Successful login
id: 4d0a2c83-c62c-4ed4-b475-c7e23a9269b8
name: successful_login
logsource:
    product: windows
    service: security
detection:
    selection:
        EventID: [528, 4624]
    condition: selection
`

// Events run through the rules, and what matches through the correlations.
func Example() {
	loaded := sigma.Parse("login.yml", []byte(bruteForce))
	set, problems := correlate.Compile(loaded.Rules, loaded.Correlations)
	engine, err := sigma.Compile(loaded.Rules)
	fmt.Println(loaded.Problems, problems, err, "failed_login is told alone:", set.Alone("failed_login"))

	scanner, parser := engine.Scanner(), fastjson.Parser{}
	c := correlate.New(set, correlate.Options{Lateness: time.Minute})
	early := 0
	see := func(second, id int) {
		line := fmt.Appendf(nil, `{"EventID": %d, "User": "alice", "EventRecordID": "r%d"}`, id, second)
		event, _ := parser.ParseBytes(line)
		matched, _ := scanner.Match(line)
		for _, rule := range matched {
			hits := c.Add(correlate.Match{
				Rule: rule.ID, Time: time.Date(2026, 1, 1, 8, 0, second, 0, time.UTC),
				ID: string(event.GetStringBytes("EventRecordID")), Field: correlate.JSON(event),
			})
			early += len(hits)
		}
	}
	for i := range 9 {
		see(2*i, 4625)
	}
	see(35, 4624)
	see(21, 4625) // late, and counted at its time
	fmt.Println(early, "hits are certain at once")
	for _, h := range c.Advance(time.Date(2026, 1, 1, 8, 5, 0, 0, time.UTC)) {
		fmt.Println(h.Correlation.Level, h.Group, h.End.Format(time.TimeOnly), h.Events)
	}
	// Output:
	// [] [] <nil> failed_login is told alone: false
	// 0 hits are certain at once
	// high [{User alice false}] 08:00:35 [r0 r2 r4 r6 r8 r10 r12 r14 r16 r21 r35]
}
