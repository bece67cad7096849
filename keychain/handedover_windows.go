package keychain

func handedOver(int) bool { return false }
