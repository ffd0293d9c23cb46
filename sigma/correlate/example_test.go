package correlate_test

import (
	"fmt"
	"time"

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

func Example() {
	rules := sigma.Parse("login.yml", []byte(bruteForce))
	set, problems := correlate.Compile(rules.Rules, rules.Correlations)
	fmt.Println(len(rules.Problems), "and", len(problems), "problems; failed_login is told alone:", set.Alone("failed_login"))

	c := correlate.New(set, correlate.Options{Lateness: time.Minute})
	start := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	login := func(rule string, second int) {
		hits := c.Add(correlate.Match{
			Rule: rule, Time: start.Add(time.Duration(second) * time.Second), ID: fmt.Sprint("event-", second),
			Field: func(name string) (string, bool) { return "alice", name == "User" },
		})
		fmt.Print(len(hits))
	}
	for i := range 11 {
		login("53ba33fd-3a50-4468-a5ef-c583635cfa92", 2*i)
	}
	login("4d0a2c83-c62c-4ed4-b475-c7e23a9269b8", 35)
	login("53ba33fd-3a50-4468-a5ef-c583635cfa92", 21) // late, and counted at its time
	fmt.Println()
	for _, h := range c.Advance(start.Add(3 * time.Minute)) {
		fmt.Println(h.Correlation.Level, h.Group, h.End.Format(time.TimeOnly), len(h.Events), "events")
	}
	// Output:
	// 0 and 0 problems; failed_login is told alone: false
	// 0000000000000
	// high [{User alice false}] 08:00:35 13 events
}
