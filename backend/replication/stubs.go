package replication

func openMySQL(e Endpoint, opts Options) (Store, error)   { return nil, ErrUnsupported }
func openRedis(e Endpoint, opts Options) (Store, error)   { return nil, ErrUnsupported }
func openElastic(e Endpoint, opts Options) (Store, error) { return nil, ErrUnsupported }
