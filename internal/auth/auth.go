// Package auth is the door: who somebody is, and what they may do. It keeps
// accounts, organisations and memberships, signs people in (password, second
// factor, passkey, single sign-on, one-time links) and machines (tokens), and
// decides in one place, Principal.Can, over one table, what a role may do.
//
// A door has no pages: the web and command-line faces call it. What it changes
// and what it refuses is written to the audit log in the same transaction.
package auth
