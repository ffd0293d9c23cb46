// Package correlate runs Sigma correlations over time.
package correlate
