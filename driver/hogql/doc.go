// Package hogql parses HogQL, PostHog's SQL dialect, so that the driver knows
// what a query is before it spends quota on it: its own LIMIT, a forbidden
// OFFSET, the tables, events and properties it names, its placeholders, and
// where exactly a syntax error is.
//
// The tree has the node names of PostHog's own parser and the same shape, node
// by node; a differential test (build tag oracle) holds the two together over
// the statements in testdata and over generated ones. Most keywords can be
// names in HogQL; where a keyword could be either, this package looks a few
// words ahead while PostHog's parser looks as far as it must, so a column that
// is called limit or where and stands right before that very clause can be read
// otherwise.
//
// PostHog remains the judge: a construct that this package knows of but does
// not parse (HogQLX tags, PIVOT and UNPIVOT, INTERPOLATE, lambdas with a block,
// nesting beyond 200 levels) is an *UnsupportedError, to be passed on, and
// never a refusal.
package hogql
