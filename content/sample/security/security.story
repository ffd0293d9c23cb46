# Since when Security looks at events, and who is called.
- at: "{{moment -60 10:00}}"
  by: leila.haddad
  creates: ["source:*", "oncall:*", "responsetarget:*"]

# What Security claims of the events themselves.
- at: "{{moment -5 16:00}}"
  by: leila.haddad
  installs: [assets-heard, sources-heard, clocks-agree, events-retained, logging-kept-on, privileged-use-ticketed, second-factor-used, alerts-decided, alerts-triage-time, incidents-contained, time-to-contain, evidence-unbroken, rules-proven]

# And proves that its rules see what they look for.
- at: "{{moment -4 10:00}}"
  by: leila.haddad
  proves: true

# A key of the deploy robot stood in a build log and was used from elsewhere.
- at: "{{moment -46 03:24}}"
  by: leila.haddad
  alerts: {of: [AWS denies one identity many kinds of calls], do: acknowledge}
- at: "{{moment -46 03:31}}"
  by: leila.haddad
  case:
    name: deploy-key
    opens:
      title: CI deploy key used outside the runner network
      description: A key of svc-ci-deploy was used from a hosting network. Who uses it, and what did it reach?
      severity: high
      playbook: credential-leak
      lead: user:leila.haddad
      alerts: [AWS denies one identity many kinds of calls]
    notes: "First use from outside: `GetCallerIdentity` from 203.0.113.77, then a list of buckets. One address, one client."
    side: them
    when: "{{moment -46 03:12}}"
- at: "{{moment -46 03:33}}"
  by: leila.haddad
  case: {name: deploy-key, notes: Paged at 03:18; the address is nobody's we know.}
- at: "{{moment -46 03:36}}"
  by: tomasz.wierzba
  case: {name: deploy-key, notes: "Do not delete the key before we know which jobs use it. Block the network first."}
- at: "{{moment -46 03:41}}"
  by: leila.haddad
  case:
    name: deploy-key
    notes: It reads the build logs of 21 days. No other data so far.
    side: them
    when: "{{moment -46 03:26}}"
- at: "{{moment -46 03:52}}"
  by: ilse.brandt
  why: "Service policy refuses svc-ci-deploy outside the runners; key deleted"
  case:
    name: deploy-key
    does: ["Block its use from outside, before it is deleted"]
    reaches: contained
- at: "{{moment -46 04:05}}"
  by: leila.haddad
  alerts: {of: [Much data is fetched from S3 by one identity], do: move, into: deploy-key}
- at: "{{moment -46 04:40}}"
  by: leila.haddad
  why: What the key did, as CloudTrail saw it
  case:
    name: deploy-key
    pins: 'sourceIPAddress:="203.0.113.77"'
    does: ["Find out what the credential opens", "Keep events and logs with their hashes", "Replace the credential, and delete the old one"]
- at: "{{moment -46 12:10}}"
  by: leila.haddad
  why: No key, user or role was made with it; apart from who it is, which buckets there are and the build logs, all it asked for was refused
  case:
    name: deploy-key
    does: ["See everything it was used for"]
    reaches: removed
- at: "{{moment -45 17:30}}"
  by: ilse.brandt
  why: Every job runs with the new key; the job that printed its environment is gone
  case:
    name: deploy-key
    does: ["Find out where it leaked, and close that place", "Tell the owners of what was reached", "Settle whether an authority or customers are told"]
    reaches: recovered
- at: "{{moment -39 10:00}}"
  by: leila.haddad
  why: Reviewed with Platform and Payments
  case:
    name: deploy-key
    closes: "true"
    reaches: closed
    sets:
      report: not-needed
      lesson: |
        A failed step of one job printed its environment, and the key in it was 214 days old. We saw it because the
        trail counts refused calls; nothing watched where the key was used from. Deploy keys now live an hour, and a
        policy refuses them outside the runners.
      noActions: The policy and the short-lived keys were in place before the case was closed.
      affected:
        - {asset: svc-ci-deploy, what: "Key used, 90 calls", verdict: compromised}
        - {asset: kestrane-build-logs, what: 74 objects read, verdict: disclosed}
        - {asset: "component:payments", what: Secret asked for and refused, verdict: safe}
        - {asset: "component:identity", what: Users and roles asked for and refused, verdict: safe}
      indicators:
        - {type: address, value: 203.0.113.77, note: Hosting network}
        - {type: client, value: aws-cli/2.17.11 Python/3.11.8}

# A tester whom Security had ordered got into the old bastion.
- at: "{{moment -12 10:34}}"
  by: leila.haddad
  alerts: {of: [Many SSH sign-ins refused from one address, SSH sign-in accepted after many were refused, SSH password accepted from the internet, Sudo refused to a person who may not use it], do: acknowledge}
- at: "{{moment -12 11:50}}"
  by: leila.haddad
  why: "The yearly penetration test: 198.51.100.202 is the tester's address, announced for this week. That a password sufficed is a finding of the report."
  alerts: {of: [Many SSH sign-ins refused from one address, SSH sign-in accepted after many were refused, SSH password accepted from the internet, Sudo refused to a person who may not use it], do: close, as: benign}

# Last night somebody worked around the protection of payments.
- at: "{{ago 6h}}"
  by: leila.haddad
  alerts: {of: [Protection of a branch is removed on GitHub], do: acknowledge}
- at: "{{ago 5h}}"
  by: leila.haddad
  case:
    name: payments-branch
    opens:
      title: Protection of payments removed, and a secret pushed
      description: iker.etxeberria removed the protection of main at night, from an address in Portugal that is not ours. Was it him?
      severity: high
      playbook: account-takeover
      lead: user:leila.haddad
      alerts: [Protection of a branch is removed on GitHub, A secret is pushed to GitHub in spite of the warning, Somebody opens a shell in a pod]
    notes: All three came from 203.0.113.141. Iker is on leave until Monday.
    side: them
    when: "{{ago 9h}}"
- at: "{{ago 4h}}"
  by: leila.haddad
  case: {name: payments-branch, notes: Sessions of Iker's account are ended; he was called.}
