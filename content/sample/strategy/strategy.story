# How the strategy became what it is: the decisions, the radar, the plan and the
# quarters.

# Decisions: when each was proposed, and when it was taken.
- at: "{{moment -486 10:00}}"
  creates: [decision:0049-webviews-in-the-app]
  was: {spec: {status: accepted}}
- {at: "{{moment -131 16:20}}", by: clara.beltran, changes: decision:0049-webviews-in-the-app, was: {spec: {status: accepted}}, why: The last page of the app is native.}
- at: "{{moment -321 09:40}}"
  by: wen.li
  creates: [decision:0054-each-service-owns-its-data]
  was: {spec: {status: proposed, date: "{{day -321}}"}}
- {at: "{{moment -308 12:10}}", by: samuel.okoro, changes: decision:0054-each-service-owns-its-data, was: {spec: {status: proposed, date: "{{day -321}}"}}}
- at: "{{moment -252 15:00}}"
  by: samuel.okoro
  creates: [decision:0056-one-way-to-send-telemetry]
  was: {spec: {status: proposed, date: "{{day -252}}"}}
- {at: "{{moment -245 11:30}}", by: samuel.okoro, changes: decision:0056-one-way-to-send-telemetry, was: {spec: {status: proposed, date: "{{day -252}}"}}}
- at: "{{moment -216 10:10}}"
  by: samuel.okoro
  creates: [decision:0058-caches-move-to-valkey]
  was: {spec: {status: proposed, date: "{{day -216}}"}}
- {at: "{{moment -210 17:00}}", by: samuel.okoro, changes: decision:0058-caches-move-to-valkey, was: {spec: {status: proposed, date: "{{day -216}}"}}}
- at: "{{moment -188 09:15}}"
  by: clara.beltran
  creates: [decision:0060-partners-stay-on-rest]
  was: {spec: {status: proposed, date: "{{day -188}}"}}
- {at: "{{moment -161 13:00}}", by: clara.beltran, changes: decision:0060-partners-stay-on-rest, was: {spec: {status: proposed, date: "{{day -188}}"}}, why: Three resellers in four would not use it.}
- at: "{{moment -147 11:00}}"
  by: nadia.ferreira
  creates: [decision:0061-leave-jenkins]
  was: {spec: {status: proposed, date: "{{day -147}}"}}
- {at: "{{moment -133 10:20}}", by: nadia.ferreira, changes: decision:0061-leave-jenkins, was: {spec: {status: proposed, date: "{{day -147}}"}}}
- at: "{{moment -109 15:45}}"
  by: marta.quiroga
  creates: [decision:0063-score-before-authorising]
  was: {spec: {status: proposed, date: "{{day -109}}"}}
- {at: "{{moment -98 09:50}}", by: marta.quiroga, changes: decision:0063-score-before-authorising, was: {spec: {status: proposed, date: "{{day -109}}"}}}
- {at: "{{moment -84 16:30}}", by: marta.quiroga, creates: [decision:0064-the-ledger-only-grows]}
- at: "{{moment -90 12:00}}"
  by: hugo.barbosa
  creates: [decision:0065-kiosks-leave-windows]
  was: {spec: {status: proposed, date: "{{day -90}}"}}
- {at: "{{moment -77 10:15}}", by: nadia.ferreira, changes: decision:0065-kiosks-leave-windows, was: {spec: {status: proposed, date: "{{day -90}}"}}, why: "Agreed with field operations, who replace the boxes in any case."}
- {at: "{{moment -63 11:40}}", by: clara.beltran, creates: [decision:0068-retire-soap-for-partners]}
- {at: "{{moment -21 14:30}}", by: samuel.okoro, creates: [decision:0066-passkeys-for-travellers]}
- {at: "{{moment -12 17:10}}", by: wen.li, creates: [decision:0067-cells-for-booking]}
- {at: "{{moment -9 16:05}}", by: rui.pacheco, creates: [decision:0069-flags-belong-to-experiments]}
- {at: "{{moment -76 09:30}}", by: samuel.okoro, stands-by: decision:0065-kiosks-leave-windows, says: "Three quarters of our open criticals sit in that image."}
- {at: "{{moment -11 10:20}}", by: mateo.sandoval, comments: decision:0067-cells-for-booking, says: "Two cells would do for the first year. Who pays for the third?"}
- {at: "{{moment -10 15:00}}", by: wen.li, comments: decision:0067-cells-for-booking, replies: true, says: "Nobody yet; I took it out of the text. @user:ines.valcarcel, payments cannot move until this one is taken."}
- {at: "{{moment -18 12:10}}", by: tomasz.wierzba, comments: decision:0066-passkeys-for-travellers, says: "Yes, if the old way in stays for a year. I have added what the auditors asked."}
- {at: "{{moment -1 16:20}}", by: clara.beltran, comments: decision:0068-retire-soap-for-partners, says: "The eighth reseller has answered: they move in spring. One is left."}

# The radar: what each edition added to the technologies.
- {at: "{{moment -13 17:30}}", by: wen.li, creates: ["radaredition:{{day -13 month}}"]}
- {at: "{{moment -13 17:30}}", by: wen.li, changes: "technology:*", adds: {list: entries, field: edition, is: "{{day -13 month}}"}, why: "the edition of {{day -13 monthname}}"}
- {at: "{{moment -104 17:30}}", by: wen.li, creates: ["radaredition:{{day -104 month}}"]}
- {at: "{{moment -104 17:30}}", by: wen.li, changes: "technology:*", adds: {list: entries, field: edition, is: "{{day -104 month}}"}, why: "the edition of {{day -104 monthname}}"}
- {at: "{{moment -195 17:30}}", by: wen.li, creates: ["radaredition:{{day -195 month}}"]}
- {at: "{{moment -195 17:30}}", by: wen.li, changes: "technology:*", adds: {list: entries, field: edition, is: "{{day -195 month}}"}, why: "the edition of {{day -195 monthname}}"}
- {at: "{{moment -286 17:30}}", by: wen.li, creates: ["radaredition:{{day -286 month}}"]}
- {at: "{{moment -286 17:30}}", by: wen.li, changes: "technology:*", adds: {list: entries, field: edition, is: "{{day -286 month}}"}, why: the first edition}

# The plan: what was begun and finished when, and days that moved.
- at: "{{moment -92 10:00}}"
  by: jonas.lindqvist
  creates: [initiative:one-screen-booking, initiative:search-index-3]
  was: {spec: {state: planned, end: null}}
- {at: "{{moment -78 09:30}}", by: elena.marin, changes: initiative:one-screen-booking, was: {spec: {state: planned, end: null}}}
- {at: "{{moment -25 16:00}}", by: elena.marin, changes: initiative:one-screen-booking, was: {spec: {state: active, end: null}}, why: It is live for everybody.}
- {at: "{{moment -71 09:30}}", by: anna.oduya, changes: initiative:search-index-3, was: {spec: {state: planned, wantBy: "{{day -6}}"}}}
- {at: "{{moment -33 11:00}}", by: anna.oduya, changes: initiative:search-index-3, was: {spec: {wantBy: "{{day -6}}"}}, why: Two weeks later; the second index had to be filled twice.}
- at: "{{moment -86 10:30}}"
  by: nadia.ferreira
  creates: [initiative:merge-queue, initiative:progressive-delivery, initiative:base-image-weekly, initiative:preview-environments, initiative:builds-under-5]
  was: {spec: {end: null}}
- {at: "{{moment -83 09:30}}", by: nadia.ferreira, changes: initiative:merge-queue, was: {spec: {state: planned, end: null}}}
- {at: "{{moment -39 15:20}}", by: nadia.ferreira, changes: initiative:merge-queue, was: {spec: {state: active, end: null}}}
- {at: "{{moment -36 09:10}}", by: samuel.okoro, changes: initiative:progressive-delivery, was: {spec: {state: planned}}}
- {at: "{{moment -22 09:10}}", by: samuel.okoro, changes: initiative:base-image-weekly, was: {spec: {state: planned}}}
- at: "{{moment -82 16:00}}"
  by: marta.quiroga
  creates: [initiative:network-tokens, initiative:second-acquirer, initiative:payment-cells, initiative:pay-from-account]
  was: {spec: {end: null}}
- {at: "{{moment -64 09:00}}", by: marta.quiroga, changes: initiative:network-tokens, was: {spec: {state: planned, end: null}}}
- {at: "{{moment -4 17:40}}", by: marta.quiroga, changes: initiative:network-tokens, was: {spec: {state: active, end: null}}, why: "Both halves are live, three days after the wanted one."}
- {at: "{{moment -15 09:00}}", by: marta.quiroga, changes: initiative:second-acquirer, was: {spec: {state: planned}}}
- at: "{{moment -80 12:00}}"
  by: hugo.barbosa
  creates: [initiative:kiosk-one-hand]
  was: {spec: {state: planned}}
- {at: "{{moment -29 09:00}}", by: hugo.barbosa, changes: initiative:kiosk-one-hand, was: {spec: {state: planned}}}
- at: "{{moment -79 12:00}}"
  by: ines.valcarcel
  creates: [initiative:collectors-80, initiative:detection-tests, initiative:privacy-extension]
  was: {spec: {state: planned}}
- {at: "{{moment -71 10:00}}", by: nadia.ferreira, changes: initiative:collectors-80, was: {spec: {state: planned}}}
- {at: "{{moment -45 10:00}}", by: jonas.lindqvist, creates: [initiative:saved-travellers, initiative:group-booking]}
- {at: "{{moment -13 12:30}}", by: marta.quiroga, comments: initiative:second-acquirer, says: "It waits for decision 0067: without cells the second acquirer shares a database with the first."}
- {at: "{{moment -1 10:05}}", by: marta.quiroga, comments: initiative:second-acquirer, says: "Legal has answered: two clauses are left, none of them about money."}

# The quarters: planned, begun and closed. What a key result scored is what the
# program made of its numbers on that day.
- at: "{{moment -270 10:00}}"
  by: ines.valcarcel
  creates: ["cycle:{{quarter -2 slug}}"]
  was: {spec: {state: planning}}
- {at: "{{moment -265 09:00}}", by: ines.valcarcel, changes: "cycle:{{quarter -2 slug}}", was: {spec: {state: planning}}}
- {at: "{{moment -268 11:00}}", by: nadia.ferreira, creates: [objective:calm-nights, "keyresult:night-*"]}
- {at: "{{moment -268 12:00}}", by: jonas.lindqvist, creates: [objective:one-login, "keyresult:accounts-*"]}
- {at: "{{moment -173 10:00}}", by: nadia.ferreira, changes: objective:calm-nights, was: {spec: {state: active, lesson: null}}}
- {at: "{{moment -173 10:20}}", by: jonas.lindqvist, changes: objective:one-login, was: {spec: {state: active, lesson: null}}}
- {at: "{{moment -173 11:00}}", by: ines.valcarcel, changes: "cycle:{{quarter -2 slug}}", was: {spec: {state: active}}}
- at: "{{moment -181 10:00}}"
  by: ines.valcarcel
  creates: ["cycle:{{quarter -1 slug}}"]
  was: {spec: {state: planning}}
- {at: "{{moment -174 09:00}}", by: ines.valcarcel, changes: "cycle:{{quarter -1 slug}}", was: {spec: {state: planning}}}
- {at: "{{moment -176 15:00}}", by: marta.quiroga, creates: [objective:payments-fewer-refusals, "keyresult:refusals-*"]}
- {at: "{{moment -176 16:00}}", by: nadia.ferreira, creates: [objective:merge-queue, keyresult:merge-wait]}
- {at: "{{moment -82 10:10}}", by: marta.quiroga, changes: objective:payments-fewer-refusals, was: {spec: {state: active, lesson: null}}}
- {at: "{{moment -82 10:30}}", by: nadia.ferreira, changes: objective:merge-queue, was: {spec: {state: active, lesson: null}}}
- {at: "{{moment -82 11:00}}", by: ines.valcarcel, changes: "cycle:{{quarter -1 slug}}", was: {spec: {state: active}}}
- at: "{{moment -92 12:00}}"
  by: ines.valcarcel
  creates: ["cycle:{{quarter 0 slug}}"]
  was: {spec: {state: planning}}
- {at: "{{moment -83 08:30}}", by: ines.valcarcel, changes: "cycle:{{quarter 0 slug}}", was: {spec: {state: planning}}}
- {at: "{{moment -84 17:00}}", by: marta.quiroga, creates: [objective:payments-first-time, "keyresult:payments-*"]}
- {at: "{{moment -84 17:20}}", by: jonas.lindqvist, creates: [objective:booking-in-a-minute, keyresult:booking-time, keyresult:search-p95, keyresult:kiosk-abandoned]}
- {at: "{{moment -84 17:30}}", by: nadia.ferreira, creates: [objective:small-and-fast, keyresult:lead-time, keyresult:change-failures, keyresult:recovery-time]}
- {at: "{{moment -84 17:45}}", by: ines.valcarcel, creates: [objective:trust-shown, keyresult:components-owned, keyresult:decisions-settled, keyresult:audit-prepared]}
- {at: "{{moment -14 16:00}}", by: marta.quiroga, creates: [blocker:second-acquirer-contract]}
- {at: "{{moment -10 10:00}}", by: ines.valcarcel, creates: ["cycle:{{quarter 1 slug}}"]}
- {at: "{{moment -9 11:00}}", by: hugo.barbosa, creates: [objective:kiosk-one-hand]}
- {at: "{{moment -8 11:00}}", by: marta.quiroga, creates: [objective:second-acquirer-live]}
