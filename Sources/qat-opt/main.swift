import QATOpt

QatOpt.main()
