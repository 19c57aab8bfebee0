"""ResNet-RS, run again: models, training engine and recorded results behind the book.

The rooms, from the top floor down. A file imports from its own room and from lower floors:

    commands                   the command line
    report                     tables, figures, pages
    running                    from parameters to trained runs
    costs, weights             what a network costs; weights as files
    tasks                      what is trained
    training, evidence         the engine; results and what they say
    recipes, models, data      the paper as data; networks; images
    config, paths, machine, atomic, system    the ground
"""
