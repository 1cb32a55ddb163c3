"""The one navigation. The page table is data: a new screen is a line here and a file beside this one."""

import streamlit as st

PAGES = {
    "": [("home", "Home", "home", "Projects, and what to do next.")],
    "Curate": [
        ("corpus", "Corpus", "library_books", "The documents and anchors of the project, and bringing in more."),
        ("label", "Label", "search", "Search the corpus and mark the answers of an anchor."),
        ("negatives", "Hard negatives", "rule", "Review what looks like an answer and is none, from the keyboard."),
        ("mining", "Candidates", "manage_search", "What mining found and why, and where answers begin."),
        ("agreement", "Agreement", "group", "How far experts agree, and settling what they differ on."),
        ("history", "History", "history", "Every judgement with what was shown, and the snapshots that runs are trained on."),
    ],
    "Tune": [
        ("tune", "Tune", "model_training", "Start a fine-tuning run and watch it."),
        ("compare", "Compare", "compare_arrows", "Base against tuned: figures, verdict, and any query side by side."),
        ("map", "Map", "scatter_plot", "Both models' maps of the documents, and whether they clump."),
        ("models", "Models", "deployed_code", "Models, runs and snapshots."),
        ("release", "Release", "rocket_launch", "What is live in the vector database, and bringing it to another model."),
    ],
}


def build_navigation() -> st.navigation:
    """The navigation over the page table; home is the default."""
    sections = {
        section: [
            st.Page(f"{name}.py", title=title, icon=f":material/{icon}:", help=help_text, default=name == "home") for name, title, icon, help_text in pages
        ]
        for section, pages in PAGES.items()
    }
    return st.navigation(sections)


st.set_page_config(page_title="Pairsmith", page_icon=":material/join_inner:", layout="wide")
build_navigation().run()
