# Who may sign in, since when and as what.
- at: "{{moment -731 09:05}}"
  invites:
    - {who: ines.valcarcel, name: Inés Valcárcel, email: ines.valcarcel@kestrane.example, role: owner, tour: "CTO|CTO"}
- at: "{{moment -731 09:20}}"
  by: ines.valcarcel
  invites:
    - {who: tomasz.wierzba, name: Tomasz Wierzba, email: tomasz.wierzba@kestrane.example, role: ciso}
    - {who: jonas.lindqvist, name: Jonas Lindqvist, email: jonas.lindqvist@kestrane.example, role: lead}
    - {who: nadia.ferreira, name: Nadia Ferreira, email: nadia.ferreira@kestrane.example, role: lead}
    - {who: marta.quiroga, name: Marta Quiroga, email: marta.quiroga@kestrane.example, role: lead, tour: "lead of the team Payments|responsable del equipo Payments"}
    - {who: hugo.barbosa, name: Hugo Barbosa, email: hugo.barbosa@kestrane.example, role: lead}
    - {who: elena.marin, name: Elena Marín, email: elena.marin@kestrane.example, role: lead}
    - {who: anna.oduya, name: Anna Oduya, email: anna.oduya@kestrane.example, role: lead}
    - {who: samuel.okoro, name: Samuel Okoro, email: samuel.okoro@kestrane.example, role: lead}
    - {who: clara.beltran, name: Clara Beltrán, email: clara.beltran@kestrane.example, role: lead}
    - {who: rui.pacheco, name: Rui Pacheco, email: rui.pacheco@kestrane.example, role: lead}
    - {who: leila.haddad, name: Leila Haddad, email: leila.haddad@kestrane.example, role: ciso}
    - {who: ilse.brandt, name: Ilse Brandt, email: ilse.brandt@kestrane.example, role: ciso}
    - {who: wen.li, name: Wen Li, email: wen.li@kestrane.example, role: member}
    - {who: diego.ruiz, name: Diego Ruiz, email: diego.ruiz@kestrane.example, role: member}
    - {who: mateo.sandoval, name: Mateo Sandoval, email: mateo.sandoval@kestrane.example, role: member}
    - {who: amara.nwosu, name: Amara Nwosu, email: amara.nwosu@kestrane.example, role: member}
    - {who: paula.ibarra, name: Paula Ibarra, email: paula.ibarra@kestrane.example, role: member}
- at: "{{moment -30 12:15}}"
  by: ilse.brandt
  invites:
    - {who: joana.prats, name: Joana Prats, email: joana.prats@auditores.example, role: auditor, outside: Auditores Prats, until: "{{day 60}}", tour: "auditor from outside|auditora externa"}
