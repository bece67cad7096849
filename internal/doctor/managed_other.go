//go:build !darwin

package doctor

import "context"

// managedPreferences finds nothing: only macOS has managed preferences.
func managedPreferences(context.Context) (path string, text []byte, ok bool) { return "", nil, false }
