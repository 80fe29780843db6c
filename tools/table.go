package tools

// Table is embedded in an answer (Out) that has rows. Rows are arrays in the
// order of Columns: repeating each key in each row would double the tokens.
type Table struct {
	Columns  []string `json:"columns,omitempty" jsonschema:"Names of the cells of each row"`
	Rows     [][]any  `json:"rows,omitempty" jsonschema:"Cells in the order of columns"`
	RowCount int      `json:"row_count" jsonschema:"Rows found, before any were cut to fit"`
	Total    *int     `json:"total,omitempty" jsonschema:"Rows that match in PostHog, when it says so"`
	HasMore  bool     `json:"has_more,omitempty" jsonschema:"More rows match than row_count"`
	Cursor   string   `json:"cursor,omitempty" jsonschema:"Pass as cursor for the next rows"`
	Units    string   `json:"units,omitempty" jsonschema:"Units of the columns"`

	// CursorAfter gives the cursor that continues after the first n rows of this
	// table, or "" when there is none. With it, rows cut to fit the result can be
	// read by paging; without it, the model is told to ask for fewer rows.
	CursorAfter func(n int) string `json:"-"`
}

// NewTable makes a table and counts its rows.
func NewTable(columns []string, rows [][]any) Table {
	return Table{Columns: columns, Rows: rows, RowCount: len(rows)}
}

// table finds the embedded Table of an answer.
func (t *Table) table() *Table { return t }

type tabled interface{ table() *Table }
