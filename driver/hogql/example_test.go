package hogql_test

import (
	"fmt"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

func ExampleInspect() {
	info, err := hogql.Inspect(`SELECT properties.$browser, count(), todate(timestamp)
FROM events WHERE event = '$pageview' AND distinct_id = {user} LIMIT 20 OFFSET 40`)
	if err != nil {
		fmt.Println(err)
		return
	}
	missing, _ := info.MissingValues(nil)
	fmt.Println(info.Limit.N, info.Tables, info.Events, info.EventProperties, missing)
	fmt.Println("OFFSET at", info.Offsets[0].Line, info.Offsets[0].Column)
	fmt.Println("events without a time bound:", len(info.UnboundedEvents))
	fmt.Println(info.UnknownFunctions[0].Name, "->", info.UnknownFunctions[0].Nearest[0])
	// Output:
	// 20 [events] [$pageview] [$browser] [user]
	// OFFSET at 2 80
	// events without a time bound: 1
	// todate -> toDate
}

func ExamplePrint() {
	q, err := hogql.Parse("select event , COUNT() as n -- per event\nfrom `events` where (timestamp>{from}) group by event")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hogql.Print(hogql.WithLimit(q, 100)))
	// Output: SELECT event, COUNT() AS n FROM events WHERE timestamp > {from} GROUP BY event LIMIT 100
}

func ExampleSyntaxError() {
	_, err := hogql.Parse("SELECT event FORM events")
	fmt.Println(err)
	// Output: line 1, column 14: `FORM` is taken for a name here: write FROM
}
