//go:build !darwin

package cli

import "context"

// managedPreferences are macOS' alone.
func managedPreferences(context.Context) (path string, text []byte, ok bool) { return "", nil, false }
