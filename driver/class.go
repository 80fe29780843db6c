package driver

// Class says which breaker, bulkhead and attempt timeout a request shares
// with its like. Quota windows are chosen apart from it, by [quota.Bucket].
type Class string

// The classes of requests that the driver makes.
const (
	ClassQuery   Class = "query"   // POST /query/ and its polls: slow, 3 at once per project
	ClassRead    Class = "read"    // REST lists and objects
	ClassWrite   Class = "write"   // REST creates and changes: never sent twice
	ClassCapture Class = "capture" // event ingestion on the ingest host
	ClassFlags   Class = "flags"   // flag evaluation on the ingest host
)

// classes gives every class, in the order of reports.
func classes() []Class {
	return []Class{ClassQuery, ClassRead, ClassWrite, ClassCapture, ClassFlags}
}
