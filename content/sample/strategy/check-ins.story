# The check-ins of the closed quarters, every second Monday.
- {checks-in: night-false-calls, by: samuel.okoro, last: -178, every: 14, clock: "10:30", values: [13, 12, 9, 7, 5, 3], confidence: [5, 5, 6, 8, 9, 10], notes: {4: Every alarm has an owner now.}}
- {checks-in: accounts-merged, by: jonas.lindqvist, last: -178, every: 14, clock: "10:30", values: [4, 18, 37, 61, 84, 96], confidence: [7, 7, 7, 8, 8, 8]}
- {checks-in: accounts-kiosk, by: hugo.barbosa, last: -178, every: 14, clock: "10:30", values: [0, 2, 6, 6, 6, 6], confidence: [7, 6, 4, 3, 2, 1], notes: {4: The readers of the old kiosks cannot do it.}}
- {checks-in: refusals-halved, by: marta.quiroga, last: -87, every: 14, clock: "10:30", values: [9.3, 9.1, 8.6, 8.2, 7.9, 7.6], confidence: [6, 6, 6, 5, 4, 3], notes: {5: What is left are the banks' own rules.}}
- {checks-in: refusals-explained, by: diego.ruiz, last: -87, every: 14, clock: "10:30", values: [41, 58, 70, 81, 88, 92], confidence: [7, 7, 8, 8, 9, 10]}
- {checks-in: merge-wait, by: nadia.ferreira, last: -87, every: 14, clock: "10:30", values: [181, 152, 118, 83, 60, 41], confidence: [6, 6, 7, 7, 8, 8], notes: {3: The queue is on for every repository.}}

# The check-ins of this quarter, every Monday at half past ten.
- checks-in: payments-first-attempt
  by: marta.quiroga
  mondays: -1
  clock: "10:30"
  values: [92.4, 92.5, 92.5, 92.9, 93.0, 93.1, 93.5, 93.6, 93.5, 93.7, 93.9, 93.8]
  confidence: [9, 9, 9, 8, 8, 8, 8, 8, 8, 8, 8, 7]
  notes:
    5: Network tokens are on for two issuers.
    10: The retry is live in Portugal; Spain follows.
    12: One issuer rolled its change back over the weekend.
- checks-in: payments-error-budget
  by: diego.ruiz
  mondays: -1
  clock: "10:30"
  values: [78, 77, 75, 74, 72, 70, 69, 66, 64, 41, 29, 18]
  confidence: [9, 9, 9, 9, 8, 8, 8, 8, 7, 6, 5, 4]
  notes:
    10: Two incidents in one week took a quarter of it.
    12: It burns three times too fast; releases wait.
- checks-in: payments-second-acquirer
  by: marta.quiroga
  mondays: -1
  clock: "10:30"
  values: [0, null, 0, null, 0, null, 0, null, 0, null, 0, 0]
  confidence: [6, null, 5, null, 5, null, 4, null, 3, null, 2, 1]
  notes:
    11: The offer lies with legal since {{day -21 long}}.
- checks-in: booking-time
  by: jonas.lindqvist
  mondays: -1
  clock: "10:30"
  values: [94, 92, 90, 86, 83, 79, 76, 74, 71, 68, 64, 62]
  confidence: [6, 6, 6, 7, 7, 7, 8, 8, 8, 8, 8, 8]
  notes:
    7: One-screen booking is live on the web.
- checks-in: search-p95
  by: anna.oduya
  mondays: -1
  clock: "10:30"
  values: [1.9, 1.8, 1.8, 1.6, 1.5, 1.4, 1.2, 1.1, 1.0, 0.9, 0.86, 0.84]
  confidence: [7, 7, 7, 7, 8, 8, 8, 9, 9, 9, 9, 9]
- checks-in: kiosk-abandoned
  by: hugo.barbosa
  mondays: -7
  clock: "10:30"
  values: [31, 31, 30, 30, 29, 28]
  confidence: [6, 6, 6, 6, 5, 5]
  notes:
    6: The station in Porto sends no sessions since Friday.
- checks-in: lead-time
  by: nadia.ferreira
  mondays: -1
  clock: "10:30"
  values: [4.1, 3.9, 3.6, 3.4, 3.1, 2.8, 2.6, 2.4, 2.2, 2.0, 1.9, 1.8]
  confidence: [5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7]
- checks-in: change-failures
  by: nadia.ferreira
  mondays: -1
  clock: "10:30"
  values: [14, 13.1, 12.6, 12.2, 11.4, 11.0, 10.1, 9.8, 9.4, 9.0, 9.2, 9.6]
  confidence: [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 5, 5]
  notes:
    12: Three of the last ten were rolled back within the hour.
- checks-in: recovery-time
  by: samuel.okoro
  mondays: -1
  clock: "10:30"
  values: [130, 121, 110, 101, 88, 80, 71, 63, 55, 50, 44, 38]
  confidence: [6, 6, 6, 7, 7, 8, 8, 9, 9, 9, 10, 10]
  notes:
    11: The target is reached.
- checks-in: audit-prepared
  by: leila.haddad
  mondays: -1
  clock: "10:30"
  values: [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
  confidence: [7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 8, 8]
  notes:
    11: The dry run found four things.
