# Tasks that come back: when they began, and each time they were done.
- at: "{{moment -372 10:00}}"
  by: tomasz.wierzba
  creates: [task:review-access-checkout]
  was: {spec: {due: "{{day -357}}"}}
- {at: "{{moment -359 15:10}}", by: marta.quiroga, completes: task:review-access-checkout, note: Two accounts of people who changed teams were closed., evidence: "export of {{day -359}}: 14 accounts, 2 closed"}
- {at: "{{moment -268 11:30}}", by: marta.quiroga, completes: task:review-access-checkout, note: Nothing to close., evidence: "export of {{day -268}}: 13 accounts, 0 closed"}
- {at: "{{moment -180 16:45}}", by: diego.ruiz, completes: task:review-access-checkout, note: One token of a contractor was revoked., evidence: "export of {{day -180}}: 15 accounts, 1 token revoked"}
- {at: "{{moment -79 09:20}}", by: marta.quiroga, completes: task:review-access-checkout, note: Late; the export failed twice., evidence: "export of {{day -79}}: 15 accounts, 0 closed"}
- at: "{{moment -210 10:00}}"
  by: rui.pacheco
  creates: [task:restore-booking]
  was: {spec: {due: "{{day -206}}"}}
- {at: "{{moment -207 17:05}}", by: rui.pacheco, completes: task:restore-booking, note: Counted 31.2 million rows; as the night before., evidence: "restore of {{day -207}}: 31204118 rows, 41 min"}
- {at: "{{moment -177 16:10}}", by: rui.pacheco, completes: task:restore-booking, note: As the night before., evidence: "restore of {{day -177}}: 31755902 rows, 43 min"}
- {at: "{{moment -146 18:20}}", by: rui.pacheco, completes: task:restore-booking, note: As the night before., evidence: "restore of {{day -146}}: 32340711 rows, 44 min"}
- {at: "{{moment -114 12:40}}", by: rui.pacheco, completes: task:restore-booking, note: One day late; the empty place was in use., evidence: "restore of {{day -114}}: 32981004 rows, 44 min"}
- {at: "{{moment -86 15:00}}", by: rui.pacheco, completes: task:restore-booking, note: As the night before., evidence: "restore of {{day -86}}: 33518230 rows, 46 min"}
- {at: "{{moment -55 15:30}}", by: rui.pacheco, completes: task:restore-booking, note: As the night before., evidence: "restore of {{day -55}}: 34077559 rows, 47 min"}
- {at: "{{moment -24 16:05}}", by: rui.pacheco, completes: task:restore-booking, note: As the night before., evidence: "restore of {{day -24}}: 34602310 rows, 47 min"}
- at: "{{moment -160 09:00}}"
  by: hugo.barbosa
  creates: [task:kiosk-spares]
  was: {spec: {due: "{{day -155}}"}}
- {at: "{{moment -157 14:00}}", by: ines.valcarcel, completes: task:kiosk-spares, note: 61 readers in 19 stations; Porto has none.}
- at: "{{moment -290 09:00}}"
  by: wen.li
  creates: [task:radar-group]
  was: {spec: {due: "{{day -288}}"}}
- {at: "{{moment -289 18:00}}", by: wen.li, completes: task:radar-group, note: Eleven moves.}
- {at: "{{moment -198 18:00}}", by: wen.li, completes: task:radar-group, note: Fourteen moves.}
- {at: "{{moment -107 18:00}}", by: samuel.okoro, completes: task:radar-group, note: Nine moves.}
- {at: "{{moment -16 18:00}}", by: wen.li, completes: task:radar-group, note: Sixteen moves.}
- at: "{{moment -9 12:00}}"
  by: nadia.ferreira
  creates: [task:deputy-platform]
- at: "{{moment -6 09:30}}"
  by: ilse.brandt
  creates: [task:board-pack]
- at: "{{moment -40 10:10}}"
  by: tomasz.wierzba
  creates: [task:review-access-identity, task:angular-console]
