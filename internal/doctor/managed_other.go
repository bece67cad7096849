//go:build !darwin

package doctor

import "context"

// managedPreferences are macOS' alone.
func managedPreferences(context.Context) (path string, text []byte, ok bool) { return "", nil, false }
