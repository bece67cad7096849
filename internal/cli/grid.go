package cli

import "strings"

// A cell is a field of a grid.
type cell struct {
	text string
	tone style // empty for none
}

// A grid has rows in columns. If the rows do not fit the terminal, one column is wrapped. If they
// still do not fit, each row takes several lines.
type grid struct {
	head  []string // the names of the columns; nil for none
	words []string // before columns that have their own lines: "held by "; nil for none
	lead  int      // how many columns share the first of several lines
	wraps int      // the column that is wrapped
	rows  [][]cell
}

const (
	columnGap = 2
	minWrap   = 20 // the smallest width of a wrapped column
)

// lines returns the grid as lines.
func (l layout) lines(g grid) []string {
	rows := g.rows
	if g.head != nil {
		var head []cell
		for _, name := range g.head {
			head = append(head, cell{name, faint})
		}
		rows = append([][]cell{head}, rows...)
	}
	if len(rows) == 0 {
		return nil
	}
	widths, total := make([]int, len(rows[0])), -columnGap
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], columns(row[i].text))
		}
		total += columnGap + widths[i]
	}
	if over := total - l.width; over > 0 && !l.endless {
		if widths[g.wraps]-over < minWrap {
			return l.stacked(g)
		}
		widths[g.wraps] -= over
	}
	var all []string
	for _, row := range rows {
		parts := []string{row[g.wraps].text}
		if columns(parts[0]) > widths[g.wraps] {
			parts = l.wrap(parts[0], widths[g.wraps])
		}
		for n, part := range parts {
			line := make([]cell, len(row))
			if n == 0 {
				copy(line, row)
			}
			line[g.wraps] = cell{part, row[g.wraps].tone}
			all = append(all, l.line(line, widths))
		}
	}
	return all
}

// line returns the cells in columns of these widths, without spaces at the end.
func (l layout) line(cells []cell, widths []int) string {
	var b strings.Builder
	pad := 0
	for i, c := range cells {
		if c.text != "" {
			b.WriteString(strings.Repeat(" ", pad) + l.paint(c.tone, c.text))
			pad = 0
		}
		pad += widths[i] - columns(c.text) + columnGap
	}
	return b.String()
}

// stacked returns each row as several lines.
func (l layout) stacked(g grid) []string {
	const indent = "    "
	var all []string
	for _, row := range g.rows {
		var lead []string
		for _, c := range row[:g.lead] {
			lead = append(lead, c.text)
		}
		for _, part := range l.wrapHanging(strings.Join(lead, " "), indent) {
			all = append(all, l.paint(row[g.lead-1].tone, part))
		}
		for i, c := range row[g.lead:] {
			if c.text == "" || c.text == "-" {
				continue
			}
			words := ""
			if g.words != nil {
				words = g.words[g.lead+i]
			}
			for _, part := range l.wrap(words+c.text, l.width-len(indent)) {
				all = append(all, indent+l.paint(c.tone, part))
			}
		}
	}
	return all
}

// wrapHanging wraps text that may begin with spaces; further lines are indented.
func (l layout) wrapHanging(text, indent string) []string {
	if columns(text) <= l.width {
		return []string{text}
	}
	lines := l.wrap(text, l.width-len(indent))
	for i := 1; i < len(lines); i++ {
		lines[i] = indent + lines[i]
	}
	return lines
}
