package text

import (
	"fmt"
	"time"
)

// Clock returns a time near now, in local time and as short as possible: "17:30", "Mon 09:00", "3
// Dec 09:00".
func Clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04")
	case t.Sub(now).Abs() < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2 Jan 15:04")
}

// Moment returns a past time as in a log, in local time: "Mon 23 Nov 16:42". It adds the year if it
// is not the current year.
func Moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.IsZero():
		return "-"
	case t.Year() != now.Year():
		return t.Format("Mon 2 Jan 2006 15:04")
	}
	return t.Format("Mon 2 Jan 15:04")
}

// Ago returns the time since t in words: "just now", "5 min ago", "3 h ago", "2 days ago", "never".
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// In returns the time until t in words: "in under 1 min", "in 45 min", "in 2 h 10 min", "in 3 days
// 4 h", "in 12 days". If t is past, it returns "now".
func In(t, now time.Time) string {
	d := t.Sub(now)
	minutes, hours := int(d.Round(time.Minute).Minutes()), int(d.Round(time.Hour).Hours())
	switch {
	case d <= 0:
		return "now"
	case d < time.Minute:
		return "in under 1 min"
	case minutes < 60:
		return fmt.Sprintf("in %d min", minutes)
	case minutes < 24*60:
		return "in " + fmt.Sprintf("%d h", minutes/60) + rest(minutes%60, "min")
	case hours < 7*24:
		return "in " + Count(hours/24, "day", "days") + rest(hours%24, "h")
	}
	return "in " + Count((hours+12)/24, "day", "days")
}

// rest returns the smaller unit of a duration, or "" if it is zero.
func rest(n int, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %d %s", n, unit)
}
