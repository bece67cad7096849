package keychain

func inherited(int) bool { return false }
