package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// groups are the groups of commands, in the order in which they are shown.
var groups = []string{"Accounts:", "Use:", "Look:", "Set up:"}

// SortByGroup puts the commands of app into the order of their groups.
func SortByGroup(app *kong.Application) {
	slices.SortStableFunc(app.Children, func(a, b *kong.Node) int { return groupOf(a) - groupOf(b) })
}

func groupOf(node *kong.Node) int {
	if node.Group == nil {
		return len(groups)
	}
	return slices.Index(groups, node.Group.Key)
}

// Overview returns the usual commands by group, each on one line of at most width columns. It leaves
// out commands with the tag overview:"no".
func Overview(app *kong.Application, width int) string {
	SortByGroup(app)
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s COMMAND\n", app.Name)
	shown := ""
	for _, node := range app.Leaves(true) {
		if node.Tag.Get("overview") == "no" || node.Group == nil {
			continue
		}
		group := strings.TrimSuffix(node.Group.Key, ":")
		if group == shown {
			group = ""
		} else {
			shown = group
		}
		line := fmt.Sprintf("%-9s %-10s %s", group, node.Name, brief(node.Help))
		if len(line) > width {
			line = strings.TrimRight(line[:width], " ")
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "All commands, flags and exit codes: %s help\n", app.Name)
	return b.String()
}

// brief returns the beginning of a summary: up to its first stop, colon, semicolon or bracket.
func brief(summary string) string {
	if i := strings.IndexAny(summary, ".;:("); i >= 0 {
		summary = summary[:i]
	}
	return strings.TrimSpace(summary)
}
