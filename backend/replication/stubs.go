package replication

func openRedis(e Endpoint, opts Options) (Store, error)   { return nil, ErrUnsupported }
func openElastic(e Endpoint, opts Options) (Store, error) { return nil, ErrUnsupported }
