# What is claimed since when, what people said of it, and what was excused.
- at: "{{moment -720 10:00}}"
  by: tomasz.wierzba
  creates: [claim:tested-from-outside, claim:second-factor-everywhere, claim:criticals-mended, claim:exceptions-decided]
- at: "{{moment -700 10:00}}"
  by: ines.valcarcel
  creates: [claim:services-owned, claim:backups-restore, claim:initiatives-serve, claim:ledger-grows]
- at: "{{moment -560 11:00}}"
  by: ilse.brandt
  creates: [claim:policy-signed]
- at: "{{moment -430 09:30}}"
  by: ines.valcarcel
  creates: [claim:teams-have-leads, claim:everybody-placed, claim:runbooks-there, claim:work-begun, claim:partners-paid]
- at: "{{moment -380 09:30}}"
  by: tomasz.wierzba
  creates: [claim:access-reviewed, claim:leaks-replaced]
- at: "{{moment -305 16:00}}"
  by: wen.li
  creates: [claim:data-owned, claim:decisions-in-time, claim:leaving-has-an-end]
- {at: "{{moment -286 10:00}}", by: marta.quiroga, creates: [claim:payments-budget-kept]}
- {at: "{{moment -188 10:00}}", by: ines.valcarcel, creates: [claim:booking-reachable]}
- at: "{{moment -220 10:30}}"
  by: nadia.ferreira
  creates: [claim:undone-in-an-hour, claim:nothing-stuck]
- at: "{{moment -190 10:30}}"
  by: rui.pacheco
  creates: [claim:kafka-two]
- at: "{{moment -120 11:15}}"
  by: marta.quiroga
  creates: [claim:no-single-acquirer]
- at: "{{moment -75 15:20}}"
  by: mateo.sandoval
  creates: [claim:old-pdf-unused]
- at: "{{moment -70 10:00}}"
  by: ilse.brandt
  creates: [claim:audit-ready]
- at: "{{moment -60 10:00}}"
  by: ines.valcarcel
  creates: [claim:numbers-there]

# Words of people, each for a time.
- {at: "{{moment -650 12:00}}", by: leila.haddad, attests: claim:tested-from-outside, note: "Report of the test of the gateway and the app: 3 high, all mended."}
- {at: "{{moment -260 12:00}}", by: leila.haddad, attests: claim:tested-from-outside, note: "Report of this year: 1 high, mended within four days."}
- {at: "{{moment -376 16:00}}", by: ilse.brandt, attests: claim:policy-signed, note: 41 of 41 signed.}
- {at: "{{moment -300 10:00}}", by: wen.li, attests: claim:data-owned, holds: false, note: Five services read tables of another one.}
- {at: "{{moment -200 10:00}}", by: wen.li, attests: claim:data-owned, holds: false, note: Four still do.}
- {at: "{{moment -65 10:00}}", by: wen.li, attests: claim:data-owned, holds: false, note: "Three still do: seat inventory, loyalty and the waitlist. Each has a day."}
- {at: "{{moment -185 09:00}}", by: rui.pacheco, attests: claim:kafka-two, note: Tiago and Ingrid each led a failure day alone.}
- {at: "{{moment -55 16:20}}", by: rui.pacheco, attests: claim:backups-restore, note: Watched to the end with Tiago.}
- {at: "{{moment -119 10:00}}", by: marta.quiroga, attests: claim:no-single-acquirer, holds: false, note: One acquirer carries everything until the second is live.}
- {at: "{{moment -21 10:00}}", by: marta.quiroga, attests: claim:no-single-acquirer, holds: false, note: "The contract lies with legal. Until it is signed, Cardena carries every card."}
- {at: "{{moment -100 10:00}}", by: marta.quiroga, attests: claim:ledger-grows, note: The auditors compared June with its backup.}
- {at: "{{moment -95 17:00}}", by: diego.ruiz, attests: claim:partners-paid, note: Compared with the books; nothing is missing.}
- {at: "{{moment -64 17:00}}", by: diego.ruiz, attests: claim:partners-paid, note: Compared with the books; one payout a day late.}
- {at: "{{moment -33 17:00}}", by: diego.ruiz, attests: claim:partners-paid, note: Compared with the books; nothing is missing.}
- {at: "{{moment -68 12:00}}", by: ilse.brandt, attests: claim:audit-ready, test: scope, note: "Signed by both sides: ticketing, payments and the platform under them."}

# Who doubted what, and what was answered.
- {at: "{{moment -62 18:10}}", by: clara.beltran, disputes: claim:partners-paid, says: "Two operators tell me that the payout of the 3rd came on the 4th. “Every night” is not so."}
- {at: "{{moment -61 09:40}}", by: marta.quiroga, answers: claim:partners-paid, says: "You are right: the file of the acquirer was late. It was paid at 06:10. We now count a payout after six as late, and I have asked Diego to look at each month."}
- {at: "{{moment -4 11:25}}", by: amara.nwosu, disputes: claim:second-factor-everywhere, says: "The 214 accounts of the kiosk technicians are not in the count; none of them has a second factor. I looked at the export of the identity team."}
- {at: "{{moment -3 17:30}}", by: tomasz.wierzba, comments: claim:second-factor-everywhere, says: "I have asked @user:leila.haddad for the list. Until we have it the number stands in doubt, as it should."}
- {at: "{{moment -74 10:05}}", by: mateo.sandoval, comments: claim:old-pdf-unused, says: "Booking still calls it for group tickets. Elena has the change in the plan for the week after the timetable."}
- {at: "{{moment -30 16:40}}", by: elena.marin, comments: claim:old-pdf-unused, replies: true, says: "It moved behind one-screen booking. It is the next thing Sofía takes."}
- {at: "{{moment -8 09:15}}", by: marta.quiroga, comments: claim:payments-budget-kept, says: "Two incidents in one week took a quarter of it, and the retries of one issuer burn the rest. Releases wait until it is above 25 % again."}
- {at: "{{moment -7 08:50}}", by: ines.valcarcel, comments: claim:payments-budget-kept, replies: true, says: "Agreed. @user:diego.ruiz, tell me on Friday what the retry would cost if we switch it off for that issuer."}
- {at: "{{moment -5 10:30}}", by: leila.haddad, comments: claim:criticals-mended, says: "Three are left, all in the kiosk image; they leave with Windows."}
- {at: "{{moment -20 09:00}}", by: wen.li, comments: claim:decisions-in-time, says: "“One way to send telemetry” should have been looked at on {{day -22 long}}. Samuel prepares it for the next meeting."}

# Exceptions: one has run out, one holds, one waits.
- {at: "{{moment -100 10:00}}", by: hugo.barbosa, creates: ["exception:contractor-without-team"]}
- at: "{{moment -98 14:00}}"
  by: ines.valcarcel
  changes: exception:contractor-without-team
  was: {spec: {state: requested}}
  now: {spec: {state: approved}}
  why: until the end of the summer
- {at: "{{moment -60 10:00}}", by: wen.li, creates: ["exception:habits-without-end"]}
- at: "{{moment -58 09:10}}"
  by: ines.valcarcel
  changes: exception:habits-without-end
  was: {spec: {state: requested}}
  now: {spec: {state: approved}}
- {at: "{{moment -4 16:20}}", by: hugo.barbosa, creates: ["exception:kiosk-hardware-without-lead"]}

# Inés looked at the page Today the evening before yesterday.
- {at: "{{moment -8 08:30}}", by: ines.valcarcel, looks: true}
- {at: "{{moment -2 18:40}}", by: ines.valcarcel, looks: true}
- {at: "{{moment -1 09:00}}", by: marta.quiroga, looks: true}

# Until the last quarter everything was tested once a month.
- {at: "{{moment -99 09:00}}", by: ines.valcarcel, changes: "claim:*", had: {every: 25d, maxAge: 35d}, why: Tested every night from now on.}
- {at: "{{moment -99 09:05}}", by: ines.valcarcel, changes: "measure:*", had: {every: 25d, maxAge: 35d}, why: Tested every night from now on.}

# Numbers of systems, since the first night on which each wrote one.
- {at: "{{moment -287 09:00}}", by: samuel.okoro, creates: [measure:error-budget-payments]}
- {at: "{{moment -189 09:00}}", by: samuel.okoro, creates: [measure:availability-booking]}
- {at: "{{moment -170 09:00}}", by: samuel.okoro, creates: [measure:cloud-cost]}
- {at: "{{moment -161 09:00}}", by: samuel.okoro, creates: [measure:deployments]}
- {at: "{{moment -77 09:00}}", by: marta.quiroga, creates: [measure:payments-authorised]}
